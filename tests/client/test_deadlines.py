"""Deadlines: none, short, zero; they hold for the whole wait, whatever a call does; and they cancel nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.model import errors
from ds_ops_magic.polling.health import CALL_TIMEOUT
from ds_ops_magic.polling.schedule import Schedule
from tests.support.following import BUSY, client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, Stage, message

Wait = Callable[[OperationClient, list[str], "float | None"], Any]
WAYS = pytest.mark.parametrize(
    "wait",
    [
        lambda client, names, timeout: client.wait_all(names, timeout),
        lambda client, names, timeout: asyncio.run(client.wait_all_async(names, timeout)),
        lambda client, names, timeout: client.watch(*names).wait(timeout, tick=lambda: None),
    ],
    ids=["sync", "async", "ticking"],
)


@WAYS
def test_a_deadline_that_passes_says_how_things_stand(wait: Wait) -> None:
    stage = Stage()
    stage.set("a", done=True)
    with ScriptedServer(stage) as server, client_of(server) as client:
        with lasting(1.0, 1.6), pytest.raises(errors.WaitTimeout) as caught:
            wait(client, ["b", "a", "c"], 1.0)
        assert server.cancels() == 0
    error = caught.value
    assert isinstance(error, TimeoutError)
    assert [(operation.id, operation.done) for operation in error.operations] == [
        ("b", False),
        ("a", True),
        ("c", False),
    ]
    assert error.last_status is None
    assert error.args == (
        "Stopped waiting after 1.0 s: 2 of 3 operations are not done. Nothing was cancelled.",
        "To go on waiting: %op wait b c",
    )


@WAYS
def test_zero_asks_once(wait: Wait) -> None:
    answers = {"done": True, "running": False, "slow": True}

    def get(call: Call) -> Any:
        if call.id == "slow":
            time.sleep(0.2)
        return message(call.id, done=answers[call.id])

    with ScriptedServer(get) as server, client_of(server) as client:
        assert wait(client, ["done"], 0)[0].done
        assert wait(client, ["slow"], 0)[0].done  # the one answer is waited for
        with lasting(0.0, 1.0), pytest.raises(errors.WaitTimeout) as caught:
            wait(client, ["running", "done"], 0)
        assert [operation.done for operation in caught.value.operations] == [False, True]
        assert server.gets("slow") == 1
        assert server.gets("running") <= 2  # the second, if any, was under way when the wait ended


@WAYS
def test_no_call_outlives_the_deadline(wait: Wait) -> None:
    with ScriptedServer(Call.hang) as server, client_of(server, connect_timeout=60) as client:
        with lasting(0.2, 0.8), pytest.raises(errors.WaitTimeout) as caught:
            wait(client, ["a", "b"], 0.2)
        assert caught.value.operations == [None, None]


@WAYS
def test_a_wait_without_time_asks_each_of_many_once_at_the_rate(wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.poller._SINGLE_POLL_TIMEOUT", 0.3)  # for one; these take over a second
    names = [f"o{number}" for number in range(150)]
    with ScriptedServer(lambda call: message(call.id, done=True)) as server, client_of(server, rate=100.0) as client:
        client.get("first")
        with lasting(1.0, 2.5):
            assert all(operation.done for operation in wait(client, names, 0))
        assert server.gets() == 151


@WAYS
def test_one_call_that_hangs_keeps_nobody_else(wait: Wait) -> None:
    others = {"a": threading.Event(), "b": threading.Event()}

    def get(call: Call) -> Any:
        if call.id == "hanging":
            return message(call.id, done=all(event.wait(CALL_TIMEOUT) for event in others.values()))
        if call.number > 3:
            others[call.id].set()
        return message(call.id, done=call.number > 3)

    # Behind the call that hangs they would be asked about when it is given up, and not before.
    with ScriptedServer(get) as server, client_of(server) as client, lasting(0.0, CALL_TIMEOUT - BUSY - 1.0):
        assert all(operation.done for operation in wait(client, ["hanging", "a", "b"], None))


def test_the_deadline_is_that_of_the_wait_and_not_of_the_watch() -> None:
    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        for _ in range(2):
            with lasting(0.2, 0.8), pytest.raises(errors.WaitTimeout):
                watch.wait(0.2)
        stage.set("a", done=True)
        assert watch.wait(5)[0].done


def test_a_long_interval_does_not_prolong_the_wait() -> None:
    rare = Schedule(fraction=0.0, shortest=30.0, longest=30.0)
    with ScriptedServer(Stage()) as server, client_of(server, schedule=rare) as client, lasting(1.0, 1.6):
        with pytest.raises(errors.WaitTimeout, match="the operation is not done") as caught:
            client.wait("a", 1.0)
        assert caught.value.operations[0].id == "a"
        assert server.gets("a") == 1


def test_the_deadline_of_asyncio_works_as_well() -> None:
    async def main(client: OperationClient) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.wait_async("a"), 0.2)

    with ScriptedServer(Stage()) as server, client_of(server) as client:
        with lasting(0.2, 0.8):
            asyncio.run(main(client))
        stopped_asking(server, client)


def stopped_asking(server: ScriptedServer, client: OperationClient) -> None:
    """Fail unless nobody asks for operation `a` any more."""
    client.get("b")  # by now the poller has heard that nobody follows it
    asked, other = server.gets("a"), client.watch("c")
    until(lambda: server.gets("c") >= 10)
    other.stop()
    assert server.gets("a") == asked


@pytest.mark.parametrize("end", ["timeout", "cancel"])
def test_a_wait_that_ends_early_stops_the_asking(end: str) -> None:
    async def cancelled(client: OperationClient) -> None:
        waiting = asyncio.create_task(client.wait_all_async(["a"]))
        await asyncio.to_thread(until, lambda: server.gets("a") >= 2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with ScriptedServer(Stage()) as server, client_of(server) as client:
        if end == "cancel":
            asyncio.run(cancelled(client))
        else:
            with pytest.raises(errors.WaitTimeout):
                client.wait("a", 0.1)
        stopped_asking(server, client)
