"""The poller's limits: the rate, wishes to be left alone, credentials, silence, closing, and a fork."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Any

import grpc
import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from tests.support.following import connections_to, lasting, poller_threads, until
from tests.support.recording import Recorder, poller_of
from tests.support.scripted import Call, ScriptedServer, message, running_then

Code = grpc.StatusCode


def test_calls_keep_to_the_rate() -> None:
    came: list[float] = []

    def answer(call: Call) -> Any:
        came.append(time.monotonic())
        return message(call.id)

    with ScriptedServer(answer) as server, poller_of(server, rate=100.0) as poller, lasting(0.6, 3.0):
        began = time.monotonic()
        listener = Recorder()
        poller.follow([f"o{number}" for number in range(60)], listener)
        until(lambda: len(came) >= 100)
    # A quarter of a second's calls may come at once. From there on each has its time, before which it cannot come.
    assert all(number <= 25 + 100 * (now - began) for number, now in enumerate(sorted(came), 1))
    assert len(server.calls) == 60  # and nobody was left out


def test_a_wish_to_be_left_alone_holds_for_all() -> None:
    came: list[float] = []

    def answer(call: Call) -> Any:
        came.append(time.monotonic())
        if len(came) == 8:
            call.refuse(Code.RESOURCE_EXHAUSTED, "quota", 0.5)
        return message(call.id)

    with ScriptedServer(answer) as server, poller_of(server) as poller:
        listener = Recorder()
        poller.follow(["a", "b", "c"], listener)
        until(lambda: len(came) >= 16)
    assert sum(0.0 < now - came[7] < 0.45 for now in came) <= 2  # what was under way when the wish came


def test_credentials_that_expire_are_refreshed_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    good, tokens = ["old"], Counter[str]()
    together = threading.Barrier(12)

    def answer(call: Call) -> Any:
        token = call.metadata["authorization"]
        tokens[token] += 1
        if token != f"Bearer {good[0]}":
            together.wait(5)
            call.refuse(Code.UNAUTHENTICATED, "expired")
        return message(call.id, done=good[0] == "new")

    monkeypatch.setenv("TOKEN", "old")
    names, listener = [f"o{number}" for number in range(12)], Recorder()
    with ScriptedServer(answer) as server, poller_of(server, token_env="TOKEN") as poller:
        poller.follow(names, listener)
        until(lambda: len({report.id for report in listener.reports}) == 12)
        monkeypatch.setenv("TOKEN", "new")
        good[0] = "new"
        until(lambda: listener.ended(*names))
        assert not [report.error for report in listener.reports if report.error]
        assert tokens["Bearer new"] == 12


class OddToken(EndpointConnection):
    """Its credentials are such that gRPC cannot send them."""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", "Bearer s3cr3t\n"),)


def test_calls_that_cannot_be_made_are_no_silent_wait() -> None:
    listener = Recorder()
    with (
        ScriptedServer(lambda call: message(call.id)) as server,
        poller_of(OddToken(server.address), connect_timeout=0.3) as poller,
    ):
        poller.follow(["a"], listener)
        until(lambda: listener.ended("a"), 3.0)
    assert listener.seen() == ["ServiceUnavailable"]
    assert "s3cr3t" not in str(listener.reports)


def test_the_silence_is_counted_from_when_somebody_listens() -> None:
    with ScriptedServer(Call.hang) as server, poller_of(server, connect_timeout=0.4) as poller:
        early, late = Recorder(), Recorder()
        poller.follow(["a"], early)
        until(lambda: server.gets("a"))
        poller.unfollow(["a"], early)
        long_after = time.monotonic() + 0.5
        until(lambda: time.monotonic() > long_after)
        with lasting(0.35, 2.0):
            poller.follow(["b"], late)
            until(lambda: late.ended("b"))
        assert late.seen("b") == ["ServiceUnavailable"]
        assert early.reports == []


def test_closing_ends_every_wait_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    names = [f"o{number}" for number in range(300)]
    listener, before = Recorder(), threading.enumerate()

    def answer(call: Call) -> Any:
        return message(call.id) if call.id == "o0" else call.hang()

    with caplog.at_level(logging.DEBUG), ScriptedServer(answer, threads=160) as server, poller_of(server) as poller:
        poller.follow(names, listener)
        until(lambda: server.gets() > 100)
        with lasting(0.0, 1.0):
            poller.close()
        until(lambda: not poller_threads(before) and not connections_to(server), 2.0)
    assert listener.ended(*names)
    assert {listener.seen(name)[-1] for name in names} == {"WatchStopped"}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_fork_of_the_process_only_interrupts() -> None:
    listener, before = Recorder(), threading.enumerate()
    hanging = threading.Event()

    def answer(call: Call) -> Any:
        if call.id == "b" and call.number == 1:
            hanging.set()
            call.hang()
        return running_then(message(done=True), after=40)(call)

    with ScriptedServer(answer) as server, poller_of(server) as poller:
        poller.follow(["a"], listener)
        single = poller.get("b")
        until(lambda: listener.seen() and hanging.is_set())
        poller.before_fork()
        assert not [name for name in poller_threads(before) if "_poll_wrapper" in name]
        poller.after_fork_in_parent()
        assert single.result(5).id == "b"
        until(lambda: listener.ended("a"))
        assert poller.health.last_status is None


def test_a_fork_that_cannot_wait_for_a_busy_engine_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.poller._PAUSE", 0.05)
    busy, listener = threading.Event(), Recorder()
    with ScriptedServer(lambda call: message(call.id)) as server, poller_of(server) as poller:
        poller.follow(["a"], listener)
        until(lambda: listener.seen())
        for _ in range(2):
            poller._background.soon(busy.wait, 5)
            poller.before_fork()
            poller.after_fork_in_parent()
        busy.set()
        assert poller.get("b").result(5).id == "b"
        asked = server.gets("a")
        until(lambda: server.gets("a") > asked + 2)
        assert connections_to(server) == 1
