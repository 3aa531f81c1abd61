"""Single requests: made again within a deadline, a few at once, at a rate, and with credentials that are fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.model import errors
from ds_ops_magic.polling.channel import MAX_ANSWER
from tests.support.following import client_of, lasting
from tests.support.scripted import Call, ScriptedServer, UnderWay, message

Code = grpc.StatusCode
KINDS = [OperationClient.get, OperationClient.cancel]


def refusing(code: grpc.StatusCode, **how: Any) -> Callable[[Call], Any]:
    return lambda call: call.refuse(code, "its words", **how)


def test_a_cancel_that_came_too_late_for_what_is_gone() -> None:
    def get(call: Call) -> Any:
        return message("a") if call.number == 1 else call.refuse(Code.NOT_FOUND)

    with ScriptedServer(get, refusing(Code.FAILED_PRECONDITION)) as server:
        with client_of(server) as client, pytest.raises(errors.OperationNotFound):
            client.cancel("a")
        assert (server.cancels(), server.gets()) == (1, 2)


@pytest.mark.parametrize("ask", [*KINDS, OperationClient.wait])
def test_an_answer_that_is_too_large_is_asked_for_once(ask: Callable[..., Any]) -> None:
    def answer(call: Call) -> bytes:
        return b"\xff" * (MAX_ANSWER + 1)

    with ScriptedServer(answer, answer) as server, client_of(server) as client:
        with pytest.raises(errors.UnreadableAnswer, match="a: the answer cannot be read"):
            ask(client, "a")
        assert server.gets() == 1
        assert server.cancels() == (ask is OperationClient.cancel)


def test_an_answer_may_take_as_long_as_the_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.tracked.CALL_TIMEOUT", 0.1)
    pause = threading.Event()

    def answer(call: Call) -> Any:
        pause.wait(1.0 * (call.id == "slow"))
        return message(call.id)

    with ScriptedServer(answer) as server, client_of(server, connect_timeout=0.5) as client:
        client.get("quick")  # from now on the service is there
        with lasting(0.9, 2.0):
            assert client.get("slow").id == "slow"
        assert server.gets("slow") == 1


def test_many_to_a_silent_service_end_together() -> None:
    names = [f"o{number}" for number in range(200)]
    with (
        ScriptedServer(Call.hang) as server,
        client_of(server, connect_timeout=0.3) as client,
        lasting(0.3, 2.0),
        pytest.raises(errors.ServiceUnavailable),  # one cause, said once
    ):
        client.get_all(names)


def test_no_more_than_sixteen_are_under_way() -> None:
    under_way, full = UnderWay(), threading.Event()

    def answer(call: Call) -> Any:
        with under_way:
            if under_way.now == 16:
                full.set()
            full.wait(5)
        return message(call.id)

    names = [f"o{number}" for number in range(60)]
    with ScriptedServer(answer, threads=64) as server, client_of(server) as client:
        assert [operation.id for operation in client.get_all(names)] == names
    assert under_way.most == 16


@pytest.mark.parametrize("code", [Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE])
def test_a_wait_that_goes_beyond_the_deadline_ends_the_request(code: grpc.StatusCode) -> None:
    with ScriptedServer(refusing(code, retry_after=3600.0)) as server, client_of(server) as client, lasting(0.0, 1.0):
        with pytest.raises(errors.ServiceUnavailable, match=f"{code.name}: its words"):
            client.get("a")
        assert server.gets() == 1


def test_requests_end_at_once_while_the_service_wants_no_calls() -> None:
    exhausted = refusing(Code.RESOURCE_EXHAUSTED, retry_after=3600.0)
    with ScriptedServer(exhausted) as server, client_of(server) as client, lasting(0.0, 1.0):
        with pytest.raises(errors.ServiceUnavailable):
            client.get("a")
        with pytest.raises(errors.ServiceUnavailable, match=r"it wants no calls for another (1 min 00|5\d) s"):
            client.cancel("b")
        assert server.cancels() == 0


def test_one_refusal_slows_all_calls() -> None:
    came: list[float] = []

    def answer(call: Call) -> Any:
        came.append(time.monotonic())
        if len(came) == 8:
            call.refuse(Code.RESOURCE_EXHAUSTED, "quota", 0.5)
        return message(call.id)

    with ScriptedServer(answer) as server, client_of(server) as client, client.watch("a", "b", "c"):
        while len(came) < 8:
            time.sleep(0.001)
        assert client.get("d").id == "d"
    assert sum(0.0 < now - came[7] < 0.45 for now in came) <= 2  # what was under way when the refusal came


@pytest.mark.parametrize("ask", KINDS)
def test_credentials_that_stay_refused_end_the_request(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t1.old")
    answer = refusing(Code.UNAUTHENTICATED)
    with ScriptedServer(answer, answer) as server, client_of(server, token_env="TOKEN") as client:
        for name, token, calls in (("a", "t1.old", 1), ("b", "t1.other", 2)):
            monkeypatch.setenv("TOKEN", token)
            with pytest.raises(errors.AuthenticationError, match=r"\$TOKEN") as caught:
                ask(client, name)
            assert not {"t1.old", "t1.other"} & set(str(caught.value).replace(",", " ").split())
            assert server.gets(name) + server.cancels(name) == calls
