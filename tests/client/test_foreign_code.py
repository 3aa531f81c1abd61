"""What foreign code raises on the poller's thread ends nothing; and should that thread end, nobody waits for ever."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from ds_ops_magic import OperationsError, WatchStopped
from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.polling.schedule import Schedule
from tests.support.following import client_of, until
from tests.support.scripted import ScriptedServer, Stage, message, running_then

FATAL = [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), ValueError("a fault"), StopIteration()]
ids = pytest.mark.parametrize("error", FATAL, ids=lambda error: type(error).__name__)


@ids
def test_a_subscriber_may_raise_anything(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raised.set()
        raise error

    raised, stage = threading.Event(), Stage()
    with caplog.at_level(logging.ERROR), ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        watch.subscribe(fail)
        stage.set("a", description="the first answer may have come before")
        until(raised.is_set)
        stage.set("a", done=True)
        assert watch.wait(10)[0].done
        assert client.get("b").id == "b"
    assert "a subscriber failed" in caplog.text


class Sdk:
    """A given SDK whose stub raises what it is told to, for so many calls."""

    def __init__(self, error: BaseException, times: int) -> None:
        self.error, self.left = error, times

    def waiter(self) -> None: ...

    def client(self, stub: Any) -> Sdk:
        return self

    def Get(self, request: Any, **_: Any) -> Any:  # noqa: N802  # gRPC's
        self.left -= 1
        if self.left >= 0:
            raise self.error
        return message(request.operation_id, done=True)

    Cancel = Get


@ids
def test_the_stub_of_a_given_sdk_may_raise_anything(error: BaseException) -> None:
    from ds_ops_magic.connection.sdk import StubConnection

    with OperationClient(StubConnection(Sdk(error, 3))) as client:
        assert client.wait("a", 20).done
        assert client.get("b").id == "b"


class Odd(Schedule):
    def interval(self, age: float, chance: float) -> float:
        raise SystemExit(4)


class Unable(EndpointConnection):
    def metadata(self) -> Any:
        raise SystemExit(5)


def test_what_a_schedule_or_a_connection_raises_ends_the_wait() -> None:
    with ScriptedServer(Stage()) as server:
        with client_of(server, schedule=Odd()) as client:
            with pytest.raises(OperationsError, match=r"a: it cannot be asked about \(SystemExit: 4\)"):
                client.wait("a", 10)
            assert client.get("b").id == "b"
        said = pytest.raises(OperationsError, match=r"a: it cannot be asked about \(SystemExit: 5\)")
        with OperationClient(Unable(server.address)) as client, said:
            client.wait("a", 10)


def end_the_thread(client: OperationClient) -> None:
    def fail() -> None:
        raise SystemExit(6)

    poller = client._poller._poller
    assert poller is not None
    poller._background.loop.call_soon_threadsafe(fail)
    until(lambda: poller.has_died)


def test_when_the_thread_ends_waits_end_and_a_call_starts_a_new_one() -> None:
    ended: dict[str, BaseException | None] = {}

    def run(name: str, wait: Any) -> None:
        try:
            wait()
        except BaseException as error:
            ended[name] = error
        else:
            ended[name] = None

    def get(call: Any) -> Any:
        return call.hang() if call.id == "hanging" else message(call.id)

    with ScriptedServer(get) as server, client_of(server) as client:
        client.get("first")
        watch = client.watch("w")
        waits = {
            "wait": lambda: client.wait("a"),
            "wait_all": lambda: client.wait_all(["a", "b"]),
            "async": lambda: asyncio.run(client.wait_async("a")),
            "get": lambda: client.get("hanging"),
            "watch": lambda: watch.wait(),
        }
        threads = [threading.Thread(target=run, args=wait, daemon=True) for wait in waits.items()]
        reading = threading.Thread(target=lambda: [ended.setdefault("iterator", change.error) for change in watch])
        for thread in [*threads, reading]:
            thread.start()
        until(lambda: server.gets("hanging") and server.gets("a") > 3 and server.gets("w") and server.gets("b"))
        end_the_thread(client)
        for thread in [*threads, reading]:
            thread.join(10)
        assert {name: type(error) for name, error in ended.items()} == {
            **dict.fromkeys(waits, WatchStopped),
            "iterator": type(None),
        }
        assert all("has ended unexpectedly" in str(ended[name]) for name in waits)
        assert client.get("again").id == "again"
        server.get = running_then(message(done=True))
        assert client.wait("c", 10).done


def test_a_watch_whose_thread_has_ended_keeps_its_snapshots() -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as client:
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        end_the_thread(client)
        with pytest.raises(WatchStopped, match="has ended unexpectedly"):
            watch.wait()
        assert watch.view().entries[0].operation is not None
        watch.stop()


BLOCKING = {
    "get": lambda client, watch: client.get("a"),
    "get_all": lambda client, watch: client.get_all(["a", "b"]),
    "cancel": lambda client, watch: client.cancel("a"),
    "check": lambda client, watch: client.check(),
    "wait": lambda client, watch: client.wait("a"),
    "watch.wait": lambda client, watch: watch.wait(),
    "iterate": lambda client, watch: list(watch),
}


@pytest.mark.parametrize("how", BLOCKING)
def test_a_subscriber_that_would_wait_for_itself_is_refused(how: str) -> None:
    said: list[BaseException] = []

    def block() -> None:
        try:
            BLOCKING[how](client, watch)
        except OperationsError as error:
            said.append(error)

    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        watch.subscribe(block)
        stage.set("a", description="the first answer may have come before")
        until(lambda: said)
        stage.set("a", done=True)
        assert watch.wait(10)[0].done
    assert "cannot wait for an answer there" in str(said[0])
    assert "threading.Event" in str(said[0])
