"""Single requests: asked again as the table says, within a deadline, at a rate, and with credentials that are fresh."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.model import errors
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.polling.calls import MAX_ANSWER, OperationServiceCalls
from ds_ops_magic.polling.rate_limit import Pace
from ds_ops_magic.polling.retry import Requests
from ds_ops_magic.polling.schedule import TokenBucket
from tests.support.following import lasting
from tests.support.scripted import Call, ScriptedServer, message

Code = grpc.StatusCode
T = TypeVar("T")


def requesting(
    address: str,
    work: Callable[[Requests], Awaitable[T]],
    *,
    connect_timeout: float = 2.0,
    rate: float = 10_000.0,
    token_env: str | None = None,
) -> T:
    """Run work with requests on an event loop of its own."""

    async def main() -> T:
        connection = EndpointConnection(address, token_env=token_env)
        calls = OperationServiceCalls(connection)
        try:
            pace = Pace(TokenBucket(rate, time.monotonic()))
            return await work(Requests(calls, connection, connect_timeout, pace))
        finally:
            await calls.close()

    return asyncio.run(main())


def refusing_first(times: int, code: grpc.StatusCode, **how: Any) -> Callable[[Call], Any]:
    """Refuse so many calls, then answer."""
    return lambda call: call.refuse(code, "its words", **how) if call.number <= times else message(call.id, done=True)


def outcomes_of(number: int, ask: Callable[[Requests], Callable[[str], Awaitable[Operation]]]) -> Any:
    async def work(requests: Requests) -> list[Any]:
        asked = (ask(requests)(f"o{index}") for index in range(number))
        return await asyncio.gather(*asked, return_exceptions=True)

    return work


def test_a_get_is_asked_again_and_unknown_is_believed_the_fourth_time() -> None:
    again = [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.INTERNAL, Code.CANCELLED, Code.UNKNOWN]

    def answer(call: Call) -> Any:
        number = int(call.id[1:])
        return refusing_first(3, again[number])(call) if number < 6 else refusing_first(9, Code.UNKNOWN)(call)

    with ScriptedServer(answer) as server, lasting(0.5, 3.0):
        *said, last = requesting(server.address, outcomes_of(7, lambda requests: requests.get))
        assert all(operation.done for operation in said)
        assert {server.gets(f"o{number}") for number in range(7)} == {4}
    assert isinstance(last, errors.ServiceRefused)
    assert (last.code, last.args[1]) == ("UNKNOWN", "UNKNOWN: its words")


def test_a_cancel_is_asked_again_until_it_is_answered() -> None:
    with ScriptedServer(lambda call: message(call.id), refusing_first(2, Code.UNAVAILABLE)) as server:
        assert requesting(server.address, lambda requests: requests.cancel("a")).done
        assert (server.cancels("a"), server.gets("a")) == (3, 0)


@pytest.mark.parametrize(
    ("get", "expected"),
    [
        (lambda call: message(call.id, done=True), Operation),
        (lambda call: message(call.id, done=True, error=(8, "failed")), Operation),
        (lambda call: message(call.id), errors.ServiceRefused),
        (lambda call: call.refuse(Code.NOT_FOUND), errors.OperationNotFound),
    ],
)
def test_a_cancel_that_comes_too_late_is_settled_by_a_get(get: Callable[[Call], Any], expected: type) -> None:
    late = refusing_first(9, Code.FAILED_PRECONDITION)
    with ScriptedServer(get, late) as server:
        [outcome] = requesting(server.address, outcomes_of(1, lambda requests: requests.cancel))
        assert (server.cancels(), server.gets()) == (1, 1)
    assert type(outcome) is expected
    if isinstance(outcome, errors.ServiceRefused):
        assert (outcome.code, outcome.args[1]) == ("FAILED_PRECONDITION", "FAILED_PRECONDITION: its words")


def test_what_cannot_be_read_is_said_for_get_and_cancel() -> None:
    def answer(call: Call) -> bytes:
        return b"\xff" * (MAX_ANSWER + 1 if call.id == "long" else 5)

    async def work(requests: Requests) -> list[Any]:
        asked = (ask(name) for ask in (requests.get, requests.cancel) for name in ("long", "broken"))
        return await asyncio.gather(*asked, return_exceptions=True)

    with ScriptedServer(answer, answer) as server:
        said = requesting(server.address, work)
        asked = {("get", "long"): 1, ("cancel", "long"): 1, ("get", "broken"): 6, ("cancel", "broken"): 1}
        assert server.calls == asked  # what is too long is that again, and a cancel has arrived
    assert {type(outcome) for outcome in said} == {errors.UnreadableAnswer}
    assert "long: the answer cannot be read" in str(said[0])
    assert "broken: the answer of 5 bytes cannot be read" in str(said[3])


def test_silence_before_the_first_answer_ends_at_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # and nobody answers
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with lasting(0.5, 1.5), pytest.raises(errors.ServiceUnavailable, match="DEADLINE_EXCEEDED") as caught:
            requesting(address, lambda requests: requests.get("a"), connect_timeout=0.6)
    assert f"No answer from {address}" in str(caught.value)


def test_an_answer_may_take_as_long_as_the_whole_request() -> None:
    pause = threading.Event()

    def answer(call: Call) -> Any:
        pause.wait(5.5 * (call.id == "slow"))
        return message(call.id)

    async def work(requests: Requests) -> Operation:
        await requests.get("quick")  # from now on the service is there
        return await requests.get("slow")

    with ScriptedServer(answer) as server, lasting(5.0, 7.0):
        assert requesting(server.address, work).id == "slow"
        assert server.gets("slow") == 1


def test_many_requests_to_a_silent_service_end_together() -> None:
    with ScriptedServer(Call.hang) as server, lasting(0.3, 2.0):
        said = requesting(server.address, outcomes_of(200, lambda requests: requests.get), connect_timeout=0.3)
    assert {type(outcome) for outcome in said} == {errors.ServiceUnavailable}
    assert len(said) == 200


def test_no_more_than_sixteen_are_under_way() -> None:
    lock, now, most = threading.Lock(), 0, 0
    full = threading.Event()

    def answer(call: Call) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 16:
                full.set()
        full.wait(5)
        with lock:
            now -= 1
        return message(call.id)

    with ScriptedServer(answer, threads=64) as server:
        said = requesting(server.address, outcomes_of(60, lambda requests: requests.get))
    assert [operation.id for operation in said] == [f"o{index}" for index in range(60)]
    assert most == 16


def test_requests_keep_to_the_rate() -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, lasting(0.5, 1.5):
        said = requesting(server.address, outcomes_of(40, lambda requests: requests.get), rate=50.0)
    assert all(isinstance(outcome, Operation) for outcome in said)


@pytest.mark.parametrize("kind", ["get", "cancel"])
def test_a_service_that_asks_to_be_left_alone_is_left_alone(kind: str) -> None:
    came: list[float] = []

    def answer(call: Call) -> Any:
        came.append(time.monotonic())
        if len(came) == 1:
            call.refuse(Code.RESOURCE_EXHAUSTED, "quota", 0.4)
        return message(call.id)

    async def work(requests: Requests) -> None:
        first = asyncio.create_task(getattr(requests, kind)("a"))
        while not came:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        await asyncio.gather(first, requests.get("b"))

    with ScriptedServer(answer, answer) as server:
        requesting(server.address, work)
    assert len(came) == 3
    assert came[1] - came[0] >= 0.39  # by all, the one that was refused and the other


@pytest.mark.parametrize("code", [Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE])
def test_a_wish_that_goes_beyond_the_deadline_ends_the_request(code: grpc.StatusCode) -> None:
    with ScriptedServer(refusing_first(9, code, retry_after=3600.0)) as server, lasting(0.0, 1.0):
        with pytest.raises(errors.ServiceUnavailable, match=f"{code.name}: its words"):
            requesting(server.address, lambda requests: requests.get("a"))
        assert server.gets() == 1


def test_while_the_service_wants_no_calls_for_long_requests_end_at_once() -> None:
    async def work(requests: Requests) -> Any:
        await asyncio.gather(requests.get("a"), return_exceptions=True)
        return await requests.cancel("b")

    with ScriptedServer(refusing_first(9, Code.RESOURCE_EXHAUSTED, retry_after=3600.0)) as server, lasting(0.0, 1.0):
        with pytest.raises(errors.ServiceUnavailable, match=r"it wants no calls for another (1 min 00|5\d) s"):
            requesting(server.address, work)
        assert server.cancels() == 0


def guarded(good: Callable[[], str], together: int = 1) -> Callable[[Call], Any]:
    """Refuse all but the good token; the first refusals wait until so many calls have come with a bad one."""
    barrier = threading.Barrier(together)

    def answer(call: Call) -> Any:
        if call.metadata.get("authorization") != f"Bearer {good()}":
            if call.number == 1:
                barrier.wait(5)
            call.refuse(Code.UNAUTHENTICATED, "expired")
        return message(call.id, done=True)

    return answer


@pytest.mark.parametrize("kind", ["get", "cancel"])
def test_credentials_are_refreshed_once_for_all_that_were_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "old")
    answer = guarded(lambda: "new", together=16)

    async def work(requests: Requests) -> list[Any]:
        monkeypatch.setenv("TOKEN", "new")
        asked = (getattr(requests, kind)(f"o{index}") for index in range(16))
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert requests.token_generation == 1
        return outcomes

    with ScriptedServer(answer, answer) as server:
        said = requesting(server.address, work, token_env="TOKEN")
        assert sum(server.calls.values()) == 32
    assert [type(outcome) for outcome in said] == [Operation] * 16


@pytest.mark.parametrize("kind", ["get", "cancel"])
def test_credentials_that_stay_bad_end_the_request(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t1.old")
    answer = guarded(lambda: "t1.good")

    async def work(requests: Requests) -> list[Any]:
        same = await asyncio.gather(getattr(requests, kind)("a"), return_exceptions=True)
        monkeypatch.setenv("TOKEN", "t1.other")
        return same + await asyncio.gather(getattr(requests, kind)("b"), return_exceptions=True)

    with ScriptedServer(answer, answer) as server:
        said = requesting(server.address, work, token_env="TOKEN")
        assert (server.calls[kind, "a"], server.calls[kind, "b"]) == (1, 2)
    for error in said:
        assert isinstance(error, errors.AuthenticationError)
        assert "$TOKEN" in str(error)
        assert not {"t1.old", "t1.other"} & set(str(error).replace(",", " ").split())
