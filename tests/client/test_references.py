"""The client takes what stands for an operation, whatever it is, and names what does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pandas
import pytest
from yandexcloud.operations import OperationResult

from ds_ops_magic import Operation, Operations
from ds_ops_magic.client import OperationClient
from ds_ops_magic.model.errors import InvalidOperationId, NotAnOperation
from tests.support.following import client_of
from tests.support.scripted import ScriptedServer, message, running_then

ONE = [message("a"), OperationResult(message("a")), Operation(message("a")), {"id": "a"}, '{"id": "a"}', "a", "a\n"]
SEVERAL: list[Any] = [
    [message("a"), OperationResult(message("b"))],
    {"first": "a", "second": "b"},
    json.dumps([{"id": "a"}, {"id": "b"}]),
    pandas.Series(["a", "b"]),
    Operations([Operation(message("a")), Operation(message("b"))]),
]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(running_then(message(done=True), after=1)) as server:
        server.cancel = lambda call: message(call.id, error=(1, ""))
        yield server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[OperationClient]:
    with client_of(server) as client:
        yield client


@pytest.mark.parametrize("value", ONE, ids=lambda value: type(value).__name__)
def test_one(client: OperationClient, value: Any) -> None:
    assert client.get(value).id == client.cancel(value).id == client.wait(value, 10).id == "a"
    assert asyncio.run(client.wait_async(value, 10)).done
    assert client.watch(value, "b").ids == ("a", "b")
    assert [found.id for found in client.get_all([value])] == ["a"]


@pytest.mark.parametrize("value", SEVERAL, ids=lambda value: type(value).__name__)
def test_several(client: OperationClient, value: Any) -> None:
    assert client.watch(value).ids == ("a", "b")
    for ask in (client.get_all, client.cancel_all, client.wait_all):
        assert [found.id for found in ask(value)] == ["a", "b"]


def test_a_watch_of_another_client_and_a_generator(client: OperationClient) -> None:
    assert client.watch(client.watch("a", "b"), (name for name in "cd")).ids == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("text", "kind"), [("{}", "a dict"), ("[]", "a list"), ("[{}]", "a list"), ('[{"id": "a"}, {"id": "b"}]', "a list")]
)
def test_text_of_none_or_of_several_is_no_operation(
    client: OperationClient, server: ScriptedServer, text: str, kind: str
) -> None:
    for ask in (client.get, client.cancel, client.wait, lambda value: asyncio.run(client.wait_async(value))):
        with pytest.raises(NotAnOperation, match=f"what was given is no operation but {kind}"):
            ask(text)
    assert (server.gets(), server.cancels()) == (0, 0)


def test_what_is_no_operation_is_named_before_any_call(client: OperationClient, server: ScriptedServer) -> None:
    for ask in (client.get, client.cancel, client.wait):
        with pytest.raises(NotAnOperation, match="what was given is no operation but an int"):
            ask(5)  # type: ignore[operator]  # what is shown to be refused
    for ask_all in (client.get_all, client.cancel_all, client.wait_all, client.watch):
        with pytest.raises(NotAnOperation, match="item 1 of what was given is no operation but None"):
            ask_all(["a", None])  # type: ignore[operator]
    with pytest.raises(NotAnOperation, match="argument 1 is no operation but a float"):
        client.watch("a", 0.5)  # type: ignore[arg-type]
    for empty in (message(""), "", " \n"):
        with pytest.raises(InvalidOperationId, match="cannot be empty"):
            client.get(empty)
    assert (server.gets(), server.cancels()) == (0, 0)
