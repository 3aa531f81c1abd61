"""Answers that are about another operation, or cut off on the way: asked again, said, and never taken for one's own."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ops_magic import OperationsFailed, UnreadableAnswer
from tests.support.following import client_of, until
from tests.support.scripted import Call, ScriptedServer, message, running_then


def other(call: Call) -> Any:
    return message("other", done=True)


@pytest.mark.parametrize("how", ["get", "wait", "cancel"])
def test_an_answer_about_another_operation_is_refused_with_both_ids(how: str) -> None:
    with ScriptedServer(other, other) as server, client_of(server) as client:
        with pytest.raises(UnreadableAnswer, match="a: the answer is about another operation, other") as caught:
            getattr(client, how)("a")
        assert "%op get a" in str(caught.value)
        # A cancel looks first, and where that cannot be read, it is sent all the same.
        assert server.gets("a") == (6 if how == "cancel" else 3)
        assert server.cancels("a") == (how == "cancel")


def test_it_costs_the_others_of_a_group_nothing() -> None:
    def get(call: Call) -> Any:
        return other(call) if call.id == "a" else running_then(message(done=True))(call)

    with ScriptedServer(get) as server, client_of(server) as client:
        with pytest.raises(OperationsFailed) as caught:
            client.wait_all(["a", "b"], 20)
        assert list(caught.value.errors) == ["a"]
        assert caught.value.operations[0] is None  # never a snapshot of something else
        assert caught.value.operations[1] is not None


def test_one_that_comes_now_and_then_is_only_asked_again() -> None:
    def get(call: Call) -> Any:
        return other(call) if call.number % 3 else message(call.id, done=call.number > 10)

    with ScriptedServer(get) as server, client_of(server) as client:
        assert client.wait("a", 20).id == "a"
        assert client.get("b").id == "b"


CUT = message("a", done=True).SerializeToString()[:-3]


@pytest.mark.parametrize("how", ["get", "wait"])
def test_an_answer_that_was_cut_off_is_asked_for_twice_more(how: str) -> None:
    def get(call: Call) -> Any:
        return CUT if call.number <= 2 else message(call.id, done=True)

    with ScriptedServer(get) as server, client_of(server) as client:
        assert getattr(client, how)("a").done
        assert server.gets("a") == 3
        server.get = lambda call: CUT
        with pytest.raises(UnreadableAnswer, match="cannot be read"):
            getattr(client, how)("b")
        assert server.gets("b") == 3


def test_a_cancel_whose_answer_was_cut_off_is_not_repeated() -> None:
    def cancel(call: Call) -> Any:
        return CUT

    def get(call: Call) -> Any:
        return message(call.id, done=bool(server.cancels("a")), error=(1, "cancelled") if server.cancels("a") else None)

    with ScriptedServer(get, cancel) as server, client_of(server) as client:
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        watch.cancel()
        until(lambda: watch.done)
        assert server.cancels("a") == 1
    with ScriptedServer(get, cancel) as server, client_of(server) as client:
        assert client.cancel("a").done
        assert server.cancels("a") == 1
