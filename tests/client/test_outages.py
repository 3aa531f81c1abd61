"""Silence: a service that never answered is given up soon, one that has answered is waited for."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ds_ops_magic.client import CONNECT_TIMEOUT, OperationClient
from ds_ops_magic.model import errors
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.polling.schedule import Schedule
from tests.support.following import client_of, lasting, until
from tests.support.ports import own_port
from tests.support.scripted import Call, ScriptedServer, Stage, message

ASKS: list[Callable[[OperationClient], object]] = [
    OperationClient.check,
    lambda client: client.get("a"),
    lambda client: client.cancel("a"),
    lambda client: client.wait("a"),
    lambda client: client.wait_all(["a", "b", "c"]),  # one cause, said once
    lambda client: asyncio.run(client.wait_async("a")),
]


@contextmanager
def refused() -> Iterator[str]:
    """An address where nothing listens."""
    yield f"127.0.0.1:{own_port()}"


@contextmanager
def unresolvable() -> Iterator[str]:
    yield "no-such-host.invalid:443"


@contextmanager
def silent() -> Iterator[str]:
    """An address where connections are accepted, and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def no_socket() -> Iterator[str]:
    yield "unix:/nowhere/ops.sock"


@contextmanager
def other_protocol() -> Iterator[str]:
    """An address where something answers that speaks no gRPC."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (refused, "Connection refused"),
        (unresolvable, "DNS|resol"),
        (silent, "DEADLINE_EXCEEDED"),
        (no_socket, "No such file"),
        (other_protocol, "UNAVAILABLE"),
    ],
)
def test_what_never_answered_is_given_up_with_the_words_of_grpc(place: Callable[[], Any], words: str) -> None:
    with place() as address:
        for ask in ASKS if place is refused else ASKS[3:4]:
            with client_of(address, connect_timeout=0.2) as client, lasting(0.0, 1.5):
                with pytest.raises(errors.ServiceUnavailable, match=words) as caught:
                    ask(client)
                assert f"No answer from {address}." in str(caught.value)
                assert len(str(caught.value).splitlines()) == 3


def test_a_service_has_two_seconds_for_its_first_answer() -> None:
    assert CONNECT_TIMEOUT == 2.0
    with silent() as address, client_of(address) as client, lasting(1.9, 3.2):
        watch = client.watch("a", "b")
        with pytest.raises(errors.ServiceUnavailable):
            watch.wait()
        assert watch.done


def test_a_deadline_before_that_is_a_deadline() -> None:
    with silent() as address, client_of(address) as client, lasting(0.2, 0.8), pytest.raises(errors.WaitTimeout):
        client.wait("a", 0.2)


def test_a_service_that_comes_in_time_is_waited_for() -> None:
    with refused() as address, client_of(address) as client:
        watch = client.watch("a")
        until(lambda: watch.view().health.last_status)
        with ScriptedServer(lambda call: message(call.id, done=True), port=int(address.rpartition(":")[2])):
            assert watch.wait(5)[0].done
            assert watch.view().health.last_status is None


def test_after_giving_up_a_client_can_try_again() -> None:
    with refused() as address, client_of(address, connect_timeout=0.3) as client:
        with pytest.raises(errors.ServiceUnavailable):
            client.wait("a")
        with ScriptedServer(lambda call: message(call.id, done=True), port=int(address.rpartition(":")[2])):
            until(lambda: try_to_wait(client))


def try_to_wait(client: OperationClient) -> bool:
    try:
        return client.wait("a").done
    except errors.ServiceUnavailable:
        return False


def test_a_wait_outlives_an_outage() -> None:
    stage = Stage()
    server = ScriptedServer(stage)
    with client_of(server, schedule=Schedule(), connect_timeout=0.5) as client:
        watch = client.watch("a", "b")
        until(lambda: all(watch.operations))
        server.stop()
        health = until(lambda: (found := watch.view().health).silent_for and found)
        assert "UNAVAILABLE: " in health.last_status
        assert health.last_answer is not None
        with lasting(0.7, 1.5), pytest.raises(errors.WaitTimeout) as caught:  # longer than the connect timeout
            watch.wait(0.7)
        assert caught.value.last_status.startswith("UNAVAILABLE: ")
        assert "The service does not answer: UNAVAILABLE: " in str(caught.value)
        assert [operation.status for operation in caught.value.operations] == [Status.RUNNING] * 2
        stage.set("a", done=True)
        stage.set("b", done=True)
        with ScriptedServer(stage, port=server.port), lasting(0.0, 3.0):
            assert len(watch.wait().succeeded) == 2
            assert watch.view().health.silent_for is None


def test_a_new_wait_in_an_outage_says_what_is_wrong() -> None:
    server = ScriptedServer(Stage())
    with client_of(server) as client:
        client.get("a")
        server.stop()
        with lasting(1.0, 1.7), pytest.raises(errors.WaitTimeout) as caught:
            client.wait("a", 1.0)
        assert "Connection refused" in caught.value.last_status


def test_an_outage_is_probed_by_few_calls() -> None:
    lock, now, most = threading.Lock(), 0, 0
    out = threading.Event()

    def get(call: Call) -> Any:
        nonlocal now, most
        if not out.is_set():
            return message(call.id)
        with lock:
            now += 1
            most = max(most, now)
        try:
            return call.hang()
        finally:
            with lock:
                now -= 1

    names = [f"o{number}" for number in range(60)]
    slow = Schedule(fraction=0.0, shortest=0.2, longest=0.2, jitter=1.0)
    with ScriptedServer(get, threads=80) as server, client_of(server, schedule=slow, rate=10_000.0) as client:
        watch = client.watch(*names)
        until(lambda: all(watch.operations))
        out.set()
        until(lambda: now == 60)  # nothing tells of an outage yet
        server.stop()
        with ScriptedServer(get, port=server.port, threads=80) as again:
            most = 0
            until(lambda: again.gets() >= 2)
            with pytest.raises(errors.WaitTimeout):
                watch.wait(0.3)
            assert most <= 2


def test_a_single_get_waits_for_the_service_to_come_back() -> None:
    server = ScriptedServer(Stage())
    with client_of(server) as client:
        client.get("a")
        server.stop()
        got = threading.Thread(target=lambda: found.append(client.get("a")))
        found: list[Any] = []
        got.start()
        until(lambda: client.watch().view().health.last_status)
        with ScriptedServer(Stage(), port=server.port), lasting(0.0, 4.0):
            got.join(5)
    assert [operation.id for operation in found] == ["a"]
