"""A Watch: what it knows, who is told, and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ds_ops_magic.history.history import EndpointHistory, History
from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import WaitTimeout
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.view import Entry
from ds_ops_magic.model.waiting import ReturnWhen
from tests.support.following import client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, Stage, message, running_then


def test_a_view_before_the_first_answer_and_after() -> None:
    answering, stage = threading.Event(), Stage()

    def get(call: Call) -> Any:
        answering.wait(5)
        return stage(call)

    with ScriptedServer(get) as server, client_of(server) as client:
        watch = client.watch("a", "b")
        before = watch.view()
        assert before.entries == (Entry("a"), Entry("b"))
        assert (before.health.last_answer, before.stopped, watch.done) == (None, False, False)
        assert watch.operations == [None, None]
        assert repr(watch) == "<Watch of 2, 0 of 2 ended>"
        answering.set()
        until(lambda: all(watch.operations))
        stage.set("b", done=True)
        until(lambda: watch.view().entries[1].ended)
        after = watch.view()
        assert [entry.operation.status for entry in after.entries] == [Status.RUNNING, Status.SUCCEEDED]
        assert after.health.last_answer is not None
        assert after.health.silent_for is None
        assert repr(watch) == "<Watch of 2, 1 of 2 ended>"
        assert before.entries[0].operation is None  # a view does not change


def test_results_come_in_the_order_given_and_an_id_may_stand_twice() -> None:
    with ScriptedServer(running_then(message(done=True))) as server, client_of(server) as client:
        watch = client.watch("b", "a", "b")
        found = watch.wait(5)
        assert isinstance(found, Operations)
        assert [operation.id for operation in found] == ["b", "a", "b"]
        assert found == watch.operations
        assert watch.wait(0) == watch.wait() == found  # as often as one likes
        assert watch.done
        assert (server.gets("a"), server.gets("b")) == (3, 3)
        assert len(watch.view().entries) == 2


def test_a_watch_of_nothing_is_done() -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as client:
        watch = client.watch()
        assert (watch.done, watch.wait(), list(watch), watch.view().entries) == (True, [], [], ())
        watch.stop()
        assert watch.wait() == []


def test_subscribers_are_told_that_there_is_something_new() -> None:
    stage, told = Stage(), threading.Semaphore(0)
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        unsubscribe = watch.subscribe(told.release)
        until(lambda: watch.operations[0])
        for text in ("one", "two", "three"):
            stage.set("a", description=text)
            while watch.operations[0].description != text:
                assert told.acquire(timeout=5)
        unsubscribe()
        unsubscribe()
        while told.acquire(blocking=False):
            pass
        stage.set("a", done=True)
        watch.wait(5)
        assert not told.acquire(blocking=False)


def test_a_history_that_fails_costs_the_watch_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the history")

    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server, history=History(tmp_path / "history")) as client:
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        monkeypatch.setattr(EndpointHistory, "on_updates", fail)
        stage.set("a", done=True)
        with caplog.at_level(logging.ERROR):
            assert watch.wait(5)[0].done
    assert "a fault of the history" in caplog.text


def test_a_waiter_is_given_a_tick_on_its_own_thread() -> None:
    stage, ticks = Stage(), []

    def tick() -> None:
        ticks.append((threading.get_ident(), time.monotonic()))
        if len(ticks) == 5:
            stage.set("a", done=True)

    with ScriptedServer(stage) as server, client_of(server) as client, lasting(0.1, 2.0):
        assert client.watch("a").wait(tick=tick)[0].done
    assert {thread for thread, _ in ticks} == {threading.get_ident()}
    assert len(ticks) >= 5


SAID = {
    "stop": r"stopped before the end; 2 operations go on\.\nTo go on waiting: %op wait a b$",
    "close": r"This client is closed; .*\n.*connect\(\) makes another",
}


@pytest.mark.parametrize("end", ["stop", "close"])
@pytest.mark.parametrize("return_when", ReturnWhen)
def test_stopping_ends_what_waits(end: str, return_when: ReturnWhen) -> None:
    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client, ThreadPoolExecutor(3) as pool:
        watch = client.watch("a", "b")
        waiting = pool.submit(watch.wait, None, return_when)
        timed = pool.submit(watch.wait, 60, return_when)
        reading = pool.submit(lambda: list(watch))
        until(lambda: all(watch.operations))
        with lasting(0.0, 1.0):
            getattr(watch if end == "stop" else client, end)()
            for future in (waiting, timed):
                with pytest.raises(errors.WatchStopped, match=SAID[end]):
                    future.result(5)
            changes = reading.result(5)
        assert {change.id for change in changes} == {"a", "b"}
        with pytest.raises(errors.WatchStopped, match=SAID[end]):
            watch.wait(5)
        watch.stop()


def test_stopping_when_some_have_ended_says_stopped_and_not_failed() -> None:
    stage = Stage()
    stage.set("a", done=True, error=(8, "no quota"))
    stage.set("b", done=True)
    for end in ("stop", "close"):
        with ScriptedServer(stage) as server, client_of(server) as client:
            watch = client.watch("a", "b", "c")
            until(lambda watch=watch: all(watch.operations))
            getattr(watch if end == "stop" else client, end)()
            with pytest.raises(errors.WatchStopped):
                watch.wait(5)


def test_stopping_leaves_the_operations_and_what_is_known() -> None:
    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch, other = client.watch("a"), client.watch("b")
        told = threading.Event()
        watch.subscribe(told.set)
        until(lambda: watch.operations[0] and other.operations[0])
        watch.stop()
        assert told.is_set()
        assert watch.view().stopped
        assert repr(watch) == "<Watch of 1, stopped>"
        assert watch.operations[0].status is Status.RUNNING
        client.get("b")  # by now the poller has heard of it
        asked = server.gets("a")
        most = server.gets("b") + 10
        until(lambda: server.gets("b") >= most)
        assert server.gets("a") == asked
        assert server.cancels() == 0
        assert not other.view().stopped


def test_stopping_after_the_end_changes_nothing() -> None:
    with ScriptedServer(running_then(message(done=True))) as server, client_of(server) as client:
        watch = client.watch("a")
        watch.wait(5)
        watch.stop()
        assert not watch.view().stopped
        assert watch.wait()[0].done


def test_a_closed_client_watches_nothing() -> None:
    with ScriptedServer(Stage()) as server:
        client = client_of(server)
        client.close()
        for ask in (client.watch, client.get, client.cancel, client.wait):
            with pytest.raises(errors.WatchStopped, match=r"This client is closed.*\n.*connect\(\) makes another"):
                ask("a")
        assert server.gets() == 0
        client.close()


def test_waiting_until_a_condition_holds() -> None:
    stage, ticks = Stage(), []
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a", "b")
        assert watch.wait_until(lambda: all(watch.operations), tick=lambda: ticks.append(watch.done))
        some = len(ticks) + 3
        assert watch.wait_until(lambda: len(ticks) >= some, 10, lambda: ticks.append(watch.done))
        with lasting(0.2, 0.4):
            assert not watch.wait_until(lambda: watch.done, 0.2)
        with lasting(0.0, 0.2):
            assert not watch.wait_until(lambda: watch.done, 0)
        assert len(ticks) <= 1 + 10 / 0.05
        stage.set("a", done=True)
        stage.set("b", done=True)
        assert not watch.wait_until(lambda: False)  # nothing more will be known
        assert watch.done


def test_waiting_until_a_condition_holds_ends_with_the_watching() -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as client, ThreadPoolExecutor(1) as pool:
        watch = client.watch("a")
        waiting = pool.submit(watch.wait_until, lambda: False)
        until(lambda: watch._subscribers._signals)
        watch.stop()
        assert waiting.result(5) is False


@pytest.mark.parametrize(("waits", "last"), [(0.05, "wait ends with WaitTimeout"), (5, "wait ends: ")])
def test_a_wait_is_logged(waits: float, last: str, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.set("a", done=waits > 1)
    caplog.set_level(logging.INFO, "ds_ops_magic.watch")
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        with contextlib.suppress(WaitTimeout):
            watch.wait(waits)
        with contextlib.suppress(WaitTimeout):
            asyncio.run(watch.wait_async(waits))
    said = [record.getMessage() for record in caplog.records if record.name == "ds_ops_magic.watch"]
    assert [line.startswith("wait begins: <Watch of 1") for line in said] == [True, False, True, False]
    assert said[1].startswith(last)
    assert said[3].startswith(last)
