"""The poller: closing it, and forks."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.support.following import connections_to, poller_threads, until
from tests.support.recording import Recorder, poller_of
from tests.support.scripted import Call, ScriptedServer, message, running_then


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


def test_a_fork_that_cannot_wait_for_a_busy_poller_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.poller._FORK_TIMEOUT", 0.05)
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
