"""The channel: calls that end whatever gRPC does, and what closing it, for good or for a fork, leaves."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import grpc

from ds_ops_magic.connection.connection import EndpointConnection, Options
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.polling.host import Host, read
from tests.support.calling import calling, failure_of
from tests.support.following import connections_to, lasting, poller_threads, until
from tests.support.scripted import Call, ScriptedServer, message

Code = grpc.StatusCode


class WithoutDeadlines(EndpointConnection):
    """Its channel forgets the deadlines of calls, as one does whose poller has stalled."""

    def channel(self, options: Options, service: str = OPERATION) -> grpc.aio.Channel:
        channel = super().channel(options)
        opened = channel.unary_unary

        def unary_unary(method: str) -> Any:
            call = opened(method)
            return lambda request, *, timeout, **how: call(request, **how)

        channel.unary_unary = unary_unary
        return channel


def test_a_call_ends_though_grpc_forgets_its_deadline() -> None:
    with ScriptedServer(Call.hang) as server, lasting(1.0, 3.0):
        failed = calling(WithoutDeadlines(server.address), lambda host: failure_of(host.get("a", 0.1)))
    assert (failed.code, failed.message) == ("DEADLINE_EXCEEDED", "the call did not end within its deadline")


class OddToken(EndpointConnection):
    """Its credentials are such that gRPC cannot send them, while they are odd."""

    def __init__(self, address: str, *, odd: bool = True) -> None:
        super().__init__(address)
        self.odd = odd

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", "Bearer s3cr3t\n"),) if self.odd else ()


def test_a_call_that_cannot_be_made_tells_no_secret() -> None:
    with ScriptedServer(lambda call: message(call.id)) as server:
        failed = calling(OddToken(server.address), lambda host: failure_of(host.get("a", 5)))
    assert failed.code == "INTERNAL"
    assert "could not make the call" in failed.message
    assert "s3cr3t" not in failed.message
    assert not server.calls


def test_closing_after_failures_leaves_nothing() -> None:
    def answer(call: Call) -> Any:
        return call.refuse(Code.UNAVAILABLE) if call.number % 2 else message(call.id)

    async def work(host: Host) -> None:
        for _ in range(4):
            await asyncio.gather(host.get("a", 5), return_exceptions=True)
        connection.odd = True
        await asyncio.gather(host.get("a", 5), return_exceptions=True)
        assert connections_to(server) == 1

    gc.collect()
    before = threading.enumerate()
    gc.disable()  # what closes must not wait for the collector
    try:
        with ScriptedServer(answer) as server:
            connection = OddToken(server.address, odd=False)
            calling(connection, work)
            until(lambda: not poller_threads(before) and not connections_to(server), 2.0)
    finally:
        gc.enable()


def test_a_pause_closes_the_channel_and_repeats_calls() -> None:
    def answer(call: Call) -> Any:
        return call.hang() if (call.id, call.number) == ("a", 1) else message(call.id)

    async def work(host: Host) -> tuple[bytes, bytes]:
        hanging = asyncio.create_task(host.get("a", 30))
        await asyncio.to_thread(until, lambda: server.gets("a") == 1)
        host.channel.pause()
        host.channel.pause()
        await host.channel.close_while_paused()
        # gRPC's thread ends by itself, a moment after the last reference to its channel is gone.
        await asyncio.to_thread(until, lambda: not any("_poll_wrapper" in name for name in poller_threads(before)), 2.0)
        later = asyncio.create_task(host.get("b", 30))
        host.channel.resume()
        assert not (await asyncio.wait({hanging, later}, timeout=0.1))[0]  # paused twice
        host.channel.resume()
        assert host.health.failures == 0
        return await hanging, await later

    before = threading.enumerate()
    with ScriptedServer(answer) as server, lasting(0.0, 5.0):
        for data, name in zip(calling(server, work), "ab", strict=True):
            assert read(name, data).operation.id == name
        assert (server.gets("a"), server.gets("b")) == (2, 1)


def test_a_resume_before_the_channel_is_closed() -> None:
    async def work(host: Host) -> bytes:
        hanging = asyncio.create_task(host.get("a", 30))
        await asyncio.to_thread(until, lambda: server.gets("a") == 1)
        host.channel.pause()
        host.channel.resume()
        await host.channel.close_while_paused()
        answering.set()
        return await hanging

    answering = threading.Event()

    def answer(call: Call) -> Any:
        answering.wait(5)
        return message(call.id)

    with ScriptedServer(answer) as server:
        assert read("a", calling(server, work)).operation.id == "a"
        assert server.gets("a") == 1  # it was not made again


def test_a_resume_while_the_channel_closes() -> None:
    async def work(host: Host) -> bytes:
        hanging = asyncio.create_task(host.get("a", 30))
        await asyncio.to_thread(until, lambda: server.gets("a") == 1)
        host.channel.pause()
        closing = asyncio.create_task(host.channel.close_while_paused())
        await asyncio.sleep(0)  # it has begun
        host.channel.resume()
        await closing
        return await hanging

    with ScriptedServer(lambda call: call.hang() if call.number == 1 else message(call.id)) as server:
        assert read("a", calling(server, work)).operation.id == "a"
