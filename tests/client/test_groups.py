"""Several operations at once: which ends come back, which are raised, and what ends the wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from ds_ops_magic.model import errors
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.waiting import ALL, FIRST, FIRST_FAILURE, ReturnWhen
from tests.support.following import client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, Stage, message

Wait = Callable[..., Operations[Any]]


WAYS = pytest.mark.parametrize(
    "wait",
    [
        lambda client, *names, timeout=None, when=ALL: client.wait_all(names, timeout, when),
        lambda client, *names, timeout=None, when=ALL: asyncio.run(client.wait_all_async(names, timeout, when)),
        lambda client, *names, timeout=None, when=ALL: client.watch(*names).wait(timeout, when),
    ],
    ids=["sync", "async", "watch"],
)


def staged(**ends: dict[str, Any]) -> Stage:
    stage = Stage()
    for name, how in ends.items():
        stage.set(name, **how)
    return stage


GOOD: dict[str, Any] = {"done": True}
BAD: dict[str, Any] = {"done": True, "error": (8, "no quota"), "description": "train"}
CANCELLED: dict[str, Any] = {"done": True, "error": (1, "by user")}
FAILING: dict[str, Any] = {"error": (8, "no quota")}


@WAYS
def test_all_that_succeed_come_back_in_order(wait: Wait) -> None:
    with ScriptedServer(staged(a=GOOD, b=GOOD, c=GOOD)) as server, client_of(server) as client:
        for when in (ALL, FIRST_FAILURE):
            found = wait(client, "c", "a", "b", when=when)
            assert isinstance(found, Operations)
            assert [operation.id for operation in found] == ["c", "a", "b"]


@WAYS
@pytest.mark.parametrize(("how", "kind"), [(BAD, errors.OperationFailed), (CANCELLED, errors.OperationCancelled)])
def test_one_alone_raises_its_own_error(wait: Wait, how: dict[str, Any], kind: type) -> None:
    with ScriptedServer(staged(a=how)) as server, client_of(server) as client:
        for names in (["a"], ["a", "a"]):
            with pytest.raises(errors.OperationFailed) as caught:
                wait(client, *names)
            assert type(caught.value) is kind
            assert caught.value.operation == client.get("a")
            assert (caught.value.status.code, caught.value.status.message) == how["error"]


@WAYS
def test_all_waits_for_every_end_and_names_those_that_failed(wait: Wait) -> None:
    def get(call: Call) -> Any:
        if call.id == "gone":
            call.refuse(grpc.StatusCode.NOT_FOUND, "no such")
        if call.id == "late" and call.number < 5:
            return message("late")
        return stage(call)

    stage = staged(bad=BAD, cancelled=CANCELLED, good=GOOD, late=GOOD)
    with ScriptedServer(get) as server, client_of(server) as client:
        with pytest.raises(errors.OperationsFailed) as caught:
            wait(client, "good", "bad", "gone", "late", "cancelled")
        assert server.gets("late") == 5
    error = caught.value
    assert {name: type(found) for name, found in error.errors.items()} == {
        "bad": errors.OperationFailed,
        "gone": errors.OperationNotFound,
        "cancelled": errors.OperationCancelled,
    }
    assert [found and found.id for found in error.operations] == ["good", "bad", None, "late", "cancelled"]
    assert error.operations[3].done
    assert str(error).startswith("3 of 5 operations failed.\nbad: RESOURCE_EXHAUSTED: no quota; gone: ")


@WAYS
def test_fourteen_of_three_hundred(wait: Wait) -> None:
    names = [f"o{number}" for number in range(300)]
    stage = staged(**{name: BAD if number < 14 else GOOD for number, name in enumerate(names)})
    with (
        ScriptedServer(stage) as server,
        client_of(server, rate=10_000.0) as client,
        pytest.raises(errors.OperationsFailed, match="14 of 300 operations failed") as caught,
    ):
        wait(client, *names)
    assert list(caught.value.errors) == names[:14]
    assert "o0: RESOURCE_EXHAUSTED: no quota; o1: " in str(caught.value)
    assert "and 11 more" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3


@WAYS
@pytest.mark.parametrize("how", [GOOD, BAD, CANCELLED])
def test_first_returns_at_the_first_end_whichever_it_is(wait: Wait, how: dict[str, Any]) -> None:
    with ScriptedServer(staged(b=how)) as server, client_of(server) as client, lasting(0.0, 2.0):
        found = wait(client, "a", "b", "c", when=FIRST)
    assert [operation is not None and operation.done for operation in found] == [False, True, False]


@WAYS
def test_first_passes_over_what_cannot_be_waited_for(wait: Wait) -> None:
    def get(call: Call) -> Any:
        if call.id.startswith("gone"):
            call.refuse(grpc.StatusCode.NOT_FOUND, "no such")
        return message(call.id, done=call.number >= 5)

    with ScriptedServer(get) as server, client_of(server) as client:
        assert wait(client, "gone", "a", when=FIRST)[1].done
        with pytest.raises(errors.OperationsFailed, match="2 of 2 operations failed"):
            wait(client, "gone", "gone2", when=FIRST)  # there is no end to come


@WAYS
def test_first_failure_raises_at_once_and_the_others_go_on(wait: Wait) -> None:
    stage = staged(b=BAD, d=FAILING, e=GOOD)
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        with lasting(0.0, 2.0), pytest.raises(errors.OperationsFailed) as caught:
            wait(client, "a", "b", "c", "d", "e", when=FIRST_FAILURE)
        assert list(caught.value.errors) == ["b"]
        assert "1 of 5 operations failed" in str(caught.value)
        stage.set("a", done=True)
        assert watch.wait(5)[0].done
        assert server.cancels() == 0


@WAYS
def test_failing_is_no_failure_yet(wait: Wait) -> None:
    stage = staged(a=FAILING, b=FAILING)
    with ScriptedServer(stage) as server, client_of(server) as client:
        for when in (ALL, FIRST, FIRST_FAILURE):
            with pytest.raises(errors.WaitTimeout) as caught:
                wait(client, "a", "b", when=when, timeout=0)
            assert [operation.status_word for operation in caught.value.operations] == ["failing", "failing"]


@WAYS
def test_nothing_to_wait_for(wait: Wait) -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as client:
        for when in ReturnWhen:
            assert wait(client, when=when) == []


def test_the_same_id_in_two_watches_is_asked_for_once() -> None:
    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client:
        alone = client.watch("a")
        until(lambda: server.gets("a") >= 1)
        both = [client.watch("a", "b", "a") for _ in range(20)]
        until(lambda: all(watch.operations[0] for watch in both))
        start_a, start_b = server.gets("a"), server.gets("b")
        until(lambda: server.gets("b") >= start_b + 20)
        assert 10 <= server.gets("a") - start_a <= 32  # as often as b, however many want to know
        stage.set("a", done=True)
        stage.set("b", done=True)
        assert all(watch.wait(5)[2].done for watch in both)
        assert alone.wait(5)[0].done


def test_the_result_of_one_is_the_operation_itself() -> None:
    with ScriptedServer(staged(a=GOOD, b=BAD)) as server, client_of(server) as client:
        assert isinstance(client.wait("a"), Operation)
        assert isinstance(asyncio.run(client.wait_async("a")), Operation)
        with pytest.raises(errors.OperationFailed, match=r"Operation b \(train\) failed"):
            asyncio.run(client.wait_async("b"))


def test_what_cannot_be_got_or_cancelled_has_not_failed() -> None:
    """A single question says nothing of how the operation goes, and no --no-raise helps with it."""

    def answer(call: Call) -> Any:
        return call.refuse(grpc.StatusCode.PERMISSION_DENIED, "no") if call.id == "x" else message(call.id, done=True)

    with ScriptedServer(answer, answer) as server, client_of(server) as client:
        for ask, said in ((client.get_all, "asked about"), (client.cancel_all, "cancelled")):
            assert [operation.id for operation in ask(["a", "b", "a"])] == ["a", "b", "a"]
            with pytest.raises(errors.OperationsFailed) as caught:
                ask(["a", "x", "b"])
            assert [operation and operation.id for operation in caught.value.operations] == ["a", None, "b"]
            assert isinstance(caught.value.errors["x"], errors.PermissionDenied)
            assert caught.value.args[0] == f"1 of 3 operations could not be {said}."
            assert caught.value.args[1].startswith("x: No permission for operation x")
            assert caught.value.args[2] == "All of them are in .operations, the errors by id in .errors."
            with pytest.raises(errors.PermissionDenied):
                ask(["x"])
            assert ask([]) == []
        # A cancel looks first: these had ended.
        assert (server.gets("a"), server.cancels("b"), server.cancels("x")) == (4, 0, 2)
