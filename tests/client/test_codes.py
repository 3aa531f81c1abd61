"""Every row of the table of codes, through a real server: for a Get while waiting, for a single Get, and for Cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from ds_ops_magic.model import errors
from ds_ops_magic.model.outcome import Status
from tests.support.following import client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, Stage, message, running_then

Code = grpc.StatusCode
CODES = [code for code in Code if code is not Code.OK]
AGAIN = {
    Code.UNAVAILABLE,
    Code.DEADLINE_EXCEEDED,
    Code.ABORTED,
    Code.INTERNAL,
    Code.CANCELLED,
    Code.RESOURCE_EXHAUSTED,
}
ENDS: dict[grpc.StatusCode, type[errors.OperationsError]] = {
    Code.NOT_FOUND: errors.OperationNotFound,
    Code.PERMISSION_DENIED: errors.PermissionDenied,
    Code.INVALID_ARGUMENT: errors.InvalidOperationId,
    Code.UNAUTHENTICATED: errors.AuthenticationError,
}
WORDS = "its words"
SECRET = "t1.s3cr3t-t0ken"


def refusing(code: grpc.StatusCode, times: int = 2, **how: Any) -> Callable[[Call], Any]:
    """Refuse the operation `bad` so many times, then have it done; any other operation runs, and is done."""

    def answer(call: Call) -> Any:
        if call.id != "bad":
            return running_then(message(done=True))(call)
        return call.refuse(code, WORDS, **how) if call.number <= times else message(call.id, done=True)

    return answer


@pytest.mark.parametrize("code", CODES)
def test_a_get_while_waiting(code: grpc.StatusCode) -> None:
    again = code in AGAIN or code is Code.UNKNOWN
    with ScriptedServer(refusing(code, 1 if again else 99)) as server, client_of(server) as client, lasting(0.0, 4.0):
        if again:
            assert [operation.status for operation in client.wait_all(["bad", "good"])] == [Status.SUCCEEDED] * 2
            assert server.gets("bad") == 2
            return
        kind = ENDS.get(code, errors.ServiceRefused)
        with pytest.raises(kind) as caught:
            client.wait("bad")
        assert type(caught.value) is kind
        assert getattr(caught.value, "code", code.name) == code.name
        if code is not Code.UNAUTHENTICATED:  # then the connection speaks: it has no credentials at all
            assert f"{code.name}: {WORDS}" in str(caught.value)
        with pytest.raises(errors.OperationsFailed, match="1 of 2 operations failed") as several:
            client.wait_all(["good", "bad"])  # the other is waited for to its end
        assert type(several.value.errors["bad"]) is kind
        assert several.value.operations[0].done
        assert several.value.operations[1] is None


def error_of(code: grpc.StatusCode, *, cancel: bool) -> type[errors.OperationsError]:
    if cancel and code is Code.UNIMPLEMENTED:
        return errors.CancelNotSupported
    return ENDS.get(code, errors.ServiceRefused)


@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("code", CODES)
def test_a_single_request(code: grpc.StatusCode, cancel: bool) -> None:
    refuse, kind = refusing(code, 1), error_of(code, cancel=cancel)
    get: Callable[[Call], Any] = (lambda call: message(call.id)) if cancel else refuse
    with ScriptedServer(get, refuse) as server, client_of(server) as client, lasting(0.0, 3.0):
        ask, asked = (client.cancel, server.cancels) if cancel else (client.get, server.gets)
        if code in AGAIN or (code is Code.UNKNOWN and not cancel):
            assert ask("bad").done
            assert asked("bad") == 2
            return
        with pytest.raises(kind) as caught:
            ask("bad")
        assert type(caught.value) is kind
        assert asked("bad") == 1
        if code is not Code.UNAUTHENTICATED:
            assert "bad" in str(caught.value)
            assert f"{code.name}: {WORDS}" in str(caught.value)
        assert getattr(caught.value, "code", code.name) == code.name


def test_every_refusal_of_a_cancel_leaves_the_wait_going_on() -> None:
    refusals = {f"bad-{code.name.lower().replace('_', '-')}": code for code in CODES if code not in AGAIN}

    def get(call: Call) -> Any:
        return message(call.id, done=ending[0])

    ending = [False]
    answer: Callable[[Call], Any] = lambda call: call.refuse(refusals[call.id], WORDS)  # noqa: E731
    with ScriptedServer(get, answer) as server, client_of(server) as client:
        watch = client.watch(*refusals)
        until(lambda: all(watch.operations))
        watch.cancel()
        until(lambda: all(entry.cancel_error for entry in watch.view().entries))
        ending[0] = True
        assert len(watch.wait(5).succeeded) == len(refusals)
        for entry in watch.view().entries:
            assert type(entry.cancel_error) is error_of(refusals[entry.id], cancel=True)
            assert entry.failure is None


def test_unknown_counts_the_fourth_time_in_a_row() -> None:
    def answer(call: Call) -> Any:
        if call.id == "bad" or call.number % 3:
            call.refuse(Code.UNKNOWN, WORDS)
        return message(call.id, done=call.number >= 6)

    with ScriptedServer(answer) as server, client_of(server) as client:
        with pytest.raises(errors.OperationsFailed) as caught:
            client.wait_all(["now-and-then", "bad"])
        assert (server.gets("now-and-then"), server.gets("bad")) == (6, 4)
    [error] = caught.value.errors.values()
    assert isinstance(error, errors.ServiceRefused)
    assert error.args[1] == f"UNKNOWN: {WORDS}"


@pytest.mark.parametrize("kind", ["get", "cancel"])
def test_an_exhausted_quota_is_asked_again_when_the_service_said(kind: str) -> None:
    came: list[float] = []

    def answer(call: Call) -> Any:
        came.append(time.monotonic())
        return refusing(Code.RESOURCE_EXHAUSTED, 1, retry_after=0.6)(call)

    with ScriptedServer(answer, answer) as server, client_of(server) as client:
        assert (client.wait if kind == "get" else client.cancel)("bad").done
    assert len(came) == 2
    assert 0.59 <= came[1] - came[0] < 1.5


def guarded(good: list[str]) -> Callable[[Call], Any]:
    def answer(call: Call) -> Any:
        if call.metadata.get("authorization") != f"Bearer {good[0]}":
            call.refuse(Code.UNAUTHENTICATED, "the token has expired")
        return running_then(message(done=True), after=20)(call)

    return answer


def test_an_expired_token_is_read_again_and_the_wait_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t1.first")
    good = ["t1.first"]
    with ScriptedServer(guarded(good)) as server, client_of(server, token_env="TOKEN") as client:
        watch = client.watch("a", "b")
        until(lambda: all(watch.operations))
        for fresh in ("t1.second", "t1.third"):  # as often as it expires
            monkeypatch.setenv("TOKEN", fresh)
            good[0] = fresh
            asked = server.gets("a")
            until(lambda asked=asked: server.gets("a") >= asked + 3)
        assert len(watch.wait(10).succeeded) == 2


@pytest.mark.parametrize("fresh", [SECRET, "t1.also-refused", None])
def test_a_token_that_stays_refused_ends_the_wait_with_its_source(
    fresh: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    good = [SECRET]
    with ScriptedServer(guarded(good)) as server, client_of(server, token_env="TOKEN") as client:
        watch = client.watch("a", "b")
        until(lambda: all(watch.operations))
        monkeypatch.setenv("TOKEN", fresh) if fresh else monkeypatch.delenv("TOKEN")
        good[0] = "t1.nobody-has-it"
        with lasting(0.0, 3.0), pytest.raises(errors.AuthenticationError) as caught:  # one cause, said once
            watch.wait()
        assert "$TOKEN" in str(caught.value)
        for token in (SECRET, "t1.also-refused"):
            assert token not in str(caught.value) + repr(watch.view()) + repr(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_late_cancel_is_no_error() -> None:
    def cancel(call: Call) -> Any:
        return call.refuse(Code.FAILED_PRECONDITION, "it is done")

    stage = Stage()
    for name in "abc":
        stage.set(name, done=True)
    with ScriptedServer(stage, cancel) as server, client_of(server) as client:
        assert client.cancel("a").status is Status.SUCCEEDED
        assert client.cancel_all(["a", "b"]).succeeded == client.get_all(["a", "b"])
        watch = client.watch("c")
        watch.cancel()
        assert watch.wait(5)[0].status is Status.SUCCEEDED
        assert watch.view().entries[0].cancel_error is None
