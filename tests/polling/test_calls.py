"""One call at a time: bytes and codes as they come, deadlines, health, and the channel that is let go of."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import grpc
import pytest
from google.rpc.status_pb2 import Status

from ds_ops_magic.connection.connection import EndpointConnection, Options
from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.view import Health
from ds_ops_magic.polling.calls import (
    LONGEST_RETRY,
    MAX_ANSWER,
    CallFailed,
    OperationServiceCalls,
    is_over_the_limit,
    read,
)
from tests.support.following import connections_to, lasting, poller_threads, until
from tests.support.scripted import Call, ScriptedServer, message

Code = grpc.StatusCode
T = TypeVar("T")
BROKEN = b"\x0a\x02\xff\xfe"  # an id that is no UTF-8


def calling(target: ScriptedServer | EndpointConnection, work: Callable[[OperationServiceCalls], Awaitable[T]]) -> T:
    """Run work with calls on an event loop of its own."""
    connection = EndpointConnection(target.address) if isinstance(target, ScriptedServer) else target

    async def main() -> T:
        calls = OperationServiceCalls(connection)
        try:
            return await work(calls)
        finally:
            await calls.close()

    return asyncio.run(main())


async def failure_of(call: Awaitable[bytes]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await call
    return caught.value


def refusing(code: grpc.StatusCode, words: str = "", retry_after: float | None = None) -> Callable[[Call], Any]:
    return lambda call: call.refuse(code, words, retry_after)


def test_answers_come_as_the_bytes_that_were_sent() -> None:
    sent = [message("a", done=True).SerializeToString(), BROKEN, b"", b"\x00" * 1000]
    with ScriptedServer(lambda call: sent[call.number - 1], lambda call: b"cancel " + call.id.encode()) as server:

        async def work(calls: OperationServiceCalls) -> list[bytes]:
            return [*[await calls.get("a", 5) for _ in sent], await calls.cancel("a", 5)]

        assert calling(server, work) == [*sent, b"cancel a"]


def test_what_cannot_be_read_is_named_with_its_size() -> None:
    assert read("a", message("a").SerializeToString()).id == "a"
    assert read("a", b"") == Operation.from_bytes(b"")
    with pytest.raises(UnreadableAnswer, match="a: the answer of 4 bytes cannot be read"):
        read("a", BROKEN)


def test_sixteen_megabytes_are_read_and_a_byte_more_is_not() -> None:
    def answer(call: Call) -> bytes:
        return b"\x12" * (MAX_ANSWER + (call.id == "more"))

    async def work(calls: OperationServiceCalls) -> tuple[int, CallFailed]:
        size, failed = len(await calls.get("most", 10)), await failure_of(calls.get("more", 10))
        assert calls.health.last_status is None  # too long an answer is one
        return size, failed

    with ScriptedServer(answer) as server:
        size, failed = calling(server, work)
    assert size == MAX_ANSWER == 16 * 1024 * 1024
    assert failed.code == "RESOURCE_EXHAUSTED"
    assert is_over_the_limit(failed)
    assert not is_over_the_limit(CallFailed("RESOURCE_EXHAUSTED", "no quota"))


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_a_code_comes_with_the_words_of_the_service(code: grpc.StatusCode) -> None:
    with ScriptedServer(refusing(code, "its wörds")) as server:
        failed = calling(server, lambda calls: failure_of(calls.get("a", 5)))
    assert (failed.code, failed.words, failed.retry_after) == (code.name, "its wörds", None)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, 0.0), (1.25, 1.25), (299.0, 299.0), (3600.0, LONGEST_RETRY), (300_000_000.0, LONGEST_RETRY), (-5.0, 0.0)],
)
def test_how_long_a_service_wants_to_be_left_alone(seconds: float, expected: float) -> None:
    with ScriptedServer(refusing(Code.RESOURCE_EXHAUSTED, "quota", seconds)) as server:
        assert calling(server, lambda calls: failure_of(calls.get("a", 5))).retry_after == expected


@pytest.mark.parametrize("details", [b"\xff\xff", b"", Status(code=8, message="no details").SerializeToString()])
def test_details_that_say_nothing_are_no_wish(details: bytes) -> None:
    def answer(call: Call) -> Any:
        call.context.set_trailing_metadata((("grpc-status-details-bin", details),))
        call.refuse(Code.UNAVAILABLE, "later")

    with ScriptedServer(answer) as server:
        failed = calling(server, lambda calls: failure_of(calls.get("a", 5)))
    assert (failed.code, failed.retry_after) == ("UNAVAILABLE", None)


def test_a_call_ends_at_its_deadline() -> None:
    with ScriptedServer(Call.hang) as server, lasting(0.3, 1.2):
        failed = calling(server, lambda calls: failure_of(calls.get("a", 0.3)))
    assert failed.code == "DEADLINE_EXCEEDED"


class WithoutDeadlines(EndpointConnection):
    """Its channel forgets the deadlines of calls, as one does whose poller has stalled."""

    def channel(self, options: Options) -> grpc.aio.Channel:
        channel = super().channel(options)
        opened = channel.unary_unary

        def unary_unary(method: str) -> Any:
            call = opened(method)
            return lambda request, *, timeout, **how: call(request, **how)

        channel.unary_unary = unary_unary
        return channel


def test_a_call_ends_though_grpc_forgets_its_deadline() -> None:
    async def work(address: str) -> CallFailed:
        calls = OperationServiceCalls(WithoutDeadlines(address))
        try:
            return await failure_of(calls.get("a", 0.1))
        finally:
            await calls.close()

    with ScriptedServer(Call.hang) as server, lasting(1.0, 3.0):
        failed = asyncio.run(work(server.address))
    assert (failed.code, failed.words) == ("DEADLINE_EXCEEDED", "the call did not end within its deadline")


def test_a_cancelled_task_gives_the_call_up() -> None:
    under_way, given_up = threading.Event(), threading.Event()

    def answer(call: Call) -> Any:
        call.context.add_callback(given_up.set)
        under_way.set()
        call.hang()

    async def work(calls: OperationServiceCalls) -> None:
        task = asyncio.create_task(calls.get("a", 30))
        await asyncio.to_thread(until, under_way.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with ScriptedServer(answer) as server, lasting(0.0, 3.0):
        calling(server, work)
        until(given_up.is_set)


def test_health_tells_silence_from_refusals() -> None:
    course = [Code.NOT_FOUND, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, None, Code.RESOURCE_EXHAUSTED, Code.INTERNAL]

    def answer(call: Call) -> Any:
        code = course[call.number - 1]
        return message(call.id) if code is None else call.refuse(code, "words")

    async def work(calls: OperationServiceCalls) -> list[tuple[bool, int, Health]]:
        seen = [(calls.answered, calls.failures, calls.health)]
        for _ in course:
            await asyncio.gather(calls.get("a", 5), return_exceptions=True)
            seen.append((calls.answered, calls.failures, calls.health))
        return seen

    with ScriptedServer(answer) as server:
        seen = calling(server, work)
    assert seen[0] == (False, 0, Health())
    words = [None if code in (None, Code.NOT_FOUND) else f"{code.name}: words" for code in (None, *course)]
    assert [health.last_status for _, _, health in seen] == words
    assert [failures for _, failures, _ in seen] == [0, 0, 1, 2, 0, 1, 2]
    assert [health.silent_for is None for _, _, health in seen] == [word is None for word in words]
    assert all(answered for answered, _, _ in seen[1:])  # a refusal is an answer too
    assert 0 <= seen[2][2].silent_for < seen[3][2].silent_for < 5
    last = seen[-1][2].last_answer
    assert timedelta(0) <= datetime.now(timezone.utc) - last < timedelta(seconds=5)


def test_silence_before_any_answer_is_no_answer() -> None:
    async def work(calls: OperationServiceCalls) -> tuple[bool, str | None]:
        await failure_of(calls.get("a", 5))
        return calls.answered, calls.health.last_status

    with ScriptedServer(refusing(Code.UNAVAILABLE, "not yet")) as server:
        assert calling(server, work) == (False, "UNAVAILABLE: not yet")


class OddToken(EndpointConnection):
    """Its credentials are such that gRPC cannot send them, while they are odd."""

    def __init__(self, address: str, *, odd: bool = True) -> None:
        super().__init__(address)
        self.odd = odd

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", "Bearer s3cr3t\n"),) if self.odd else ()


def test_a_call_that_cannot_be_made_is_a_failed_call_and_tells_no_secret() -> None:
    with ScriptedServer(lambda call: message(call.id)) as server:
        failed = calling(OddToken(server.address), lambda calls: failure_of(calls.get("a", 5)))
    assert failed.code == "INTERNAL"
    assert "could not make the call" in failed.words
    assert "s3cr3t" not in failed.words
    assert not server.calls


def test_closing_leaves_no_thread_and_no_connection_even_after_failures() -> None:
    def answer(call: Call) -> Any:
        return call.refuse(Code.UNAVAILABLE) if call.number % 2 else message(call.id)

    async def work(calls: OperationServiceCalls) -> None:
        for _ in range(4):
            await asyncio.gather(calls.get("a", 5), return_exceptions=True)
        connection.odd = True
        await asyncio.gather(calls.get("a", 5), return_exceptions=True)
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


def test_a_pause_closes_the_channel_and_repeats_what_was_under_way() -> None:
    def answer(call: Call) -> Any:
        return call.hang() if (call.id, call.number) == ("a", 1) else message(call.id)

    async def work(calls: OperationServiceCalls) -> tuple[bytes, bytes]:
        hanging = asyncio.create_task(calls.get("a", 30))
        await asyncio.to_thread(until, lambda: server.gets("a") == 1)
        calls.pause()
        calls.pause()
        await calls.let_go()
        assert not [name for name in poller_threads(before) if "_poll_wrapper" in name]
        later = asyncio.create_task(calls.get("b", 30))
        calls.resume()
        assert not (await asyncio.wait({hanging, later}, timeout=0.1))[0]  # paused twice
        calls.resume()
        assert calls.failures == 0
        return await hanging, await later

    before = threading.enumerate()
    with ScriptedServer(answer) as server, lasting(0.0, 5.0):
        for data, name in zip(calling(server, work), "ab", strict=True):
            assert read(name, data).id == name
        assert (server.gets("a"), server.gets("b")) == (2, 1)


def test_a_resume_that_comes_before_the_channel_was_closed_takes_the_pause_back() -> None:
    async def work(calls: OperationServiceCalls) -> bytes:
        hanging = asyncio.create_task(calls.get("a", 30))
        await asyncio.to_thread(until, lambda: server.gets("a") == 1)
        calls.pause()
        calls.resume()
        await calls.let_go()
        answering.set()
        return await hanging

    answering = threading.Event()

    def answer(call: Call) -> Any:
        answering.wait(5)
        return message(call.id)

    with ScriptedServer(answer) as server:
        assert read("a", calling(server, work)).id == "a"
        assert server.gets("a") == 1  # it was not made again


def test_a_resume_while_the_channel_closes_repeats_what_was_under_way() -> None:
    async def work(calls: OperationServiceCalls) -> bytes:
        hanging = asyncio.create_task(calls.get("a", 30))
        await asyncio.to_thread(until, lambda: server.gets("a") == 1)
        calls.pause()
        closing = asyncio.create_task(calls.let_go())
        await asyncio.sleep(0)  # it has begun
        calls.resume()
        await closing
        return await hanging

    with ScriptedServer(lambda call: call.hang() if call.number == 1 else message(call.id)) as server:
        assert read("a", calling(server, work)).id == "a"
