"""What stands for operations: dictionaries, text and output of commands, and the names of what does not."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, MessageToJson
from IPython.utils.text import SList
from yandex.cloud.compute.v1.disk_service_pb2 import ListDiskOperationsResponse
from yandex.cloud.datasphere.v2.project_service_pb2 import ListProjectsResponse
from yandexcloud.operations import OperationResult

from ds_ops_magic import Operation, Operations
from ds_ops_magic.model.errors import NotAnOperation, OperationsError
from ds_ops_magic.model.outcome_errors import operation_failed
from ds_ops_magic.model.references import check_id, id_of, ids_in, ids_of, only_id_of
from ds_ops_magic.model.wait_errors import timed_out
from tests.support.sample_errors import failed, group, refused_id
from tests.support.scripted import message

REST = {
    "done": True,
    "id": "a",
    "createdAt": "2026-11-01T10:00:00Z",
    "response": {"@type": "type.googleapis.com/yandex.cloud.compute.v1.Disk", "id": "fhm1"},
}
YC = {"id": "a", "created_at": "2026-11-01T10:00:00Z", "metadata": {"instance_id": "epd9"}}
LINES = json.dumps(YC, indent=2).splitlines()
TWO = [YC, {**YC, "id": "b"}]


@pytest.mark.parametrize(
    "value",
    [
        "a",
        " a\r\n",  # what a command printed
        "\u00a0a\t",
        message("a"),
        Operation(message("a")),
        OperationResult(message("a")),
        REST,
        YC,
        json.dumps(REST),
        f"\n  {json.dumps(YC, indent=2)}\n",
        MessageToJson(message("a")),
        MessageToDict(message("a"), preserving_proto_field_name=True),
        json.dumps(YC).encode(),
        bytearray(json.dumps(YC).encode()),
        LINES,  # what `subprocess` gives, in lines
        SList(LINES),  # out = !yc ... --format json
        SList(["done (12s)", *LINES]),
        {"id": "a\n"},
        operation_failed(failed(name="a")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one(value: Any) -> None:
    assert id_of(value) == only_id_of(value) == "a"
    assert list(ids_of(value)) == ["a"]


@pytest.mark.parametrize(
    "value",
    [
        TWO,
        {"operations": TWO, "nextPageToken": "x"},
        json.dumps(TWO),
        json.dumps({"operations": TWO}),
        "\n".join(map(json.dumps, TWO)),
        "".join(map(json.dumps, TWO)),
        [json.dumps(one) for one in TWO],
        json.dumps(TWO).encode(),
        SList(json.dumps(TWO, indent=2).splitlines()),
        SList(["", "warning: old", *json.dumps(TWO, indent=2).splitlines()]),
        ["a", json.dumps(TWO[1])],
        SList(["a", "b"]),
        ListDiskOperationsResponse(operations=[message("a"), message("b")]),
        ListDiskOperationsResponse(operations=[message("a"), message("b")]).operations,
        timed_out(["a"], Operations([Operation(message("a")), Operation(message("b"))]), 5, None),
        (one for one in TWO),
    ],
    ids=lambda value: type(value).__name__,
)
def test_several(value: Any) -> None:
    assert id_of(value) is None
    assert list(ids_in(value, "x")) == ["a", "b"]


def test_arguments_are_one_each_or_several() -> None:
    assert list(ids_of("a", TWO, {"x": "c"}, json.dumps(TWO))) == ["a", "a", "b", "c", "a", "b"]
    assert list(ids_of()) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "what was given is no operation but None. Give an operation or its id."),
        (["a", 3], "item 1 of what was given is no operation but an int. Give an operation or its id."),
        ([["a"]], "item 0 of what was given is no operation but a list. Give an operation or its id."),
        ([YC, {"name": "b"}], "item 1 of what was given is no operation but a dict. Give an operation or its id."),
        (b"\xff", "what was given is no operation but a bytes. Give an operation or its id."),
        ("{'id': 'a'}", "\"{'id': 'a'}\" begins as JSON does, and cannot be read: Expecting property name"),
        ("[" * 100_000, "begins as JSON does, and cannot be read"),
        ('{"id": "a"} done', "begins as JSON does, and cannot be read: Expecting value"),
        ("[1]", "item 0 of what was given is no operation but an int."),
        (ListProjectsResponse(), "what was given is no operation but a ListProjectsResponse."),
        (group("a"), "item 1 of what was given is no operation but None."),
        (SimpleNamespace(id="a"), "what was given is no operation but a SimpleNamespace."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_operation_is_named(value: Any, said: str) -> None:
    if isinstance(value, OperationsError):
        value.operations = Operations([Operation(message("a")), None])
    with pytest.raises(NotAnOperation) as caught:
        list(ids_of(value))
    assert isinstance(caught.value, TypeError)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_a_coroutine_is_to_be_awaited() -> None:
    async def create() -> None: ...

    coroutine = create()
    with pytest.raises(NotAnOperation, match=r"is no operation but a coroutine\. Await it, and give what it returns\."):
        only_id_of(coroutine)
    coroutine.close()


@pytest.mark.parametrize("value", [[], ["a"], TWO, {"x": "a"}])
def test_a_collection_is_not_one_operation(value: Any) -> None:
    with pytest.raises(NotAnOperation, match=f"is no operation but a {type(value).__name__}"):
        only_id_of(value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty", "%op wait ID"]),
        ("x" * 51, ["51 characters", "at most 50", "%op wait"]),
        ("\udcff", ["no operation id", "%op wait"]),
    ],
)
def test_an_id_that_no_operation_has(text: str, parts: list[str]) -> None:
    said = str(refused_id(text))
    assert all(part in said for part in parts)
    said.encode()  # any stream can print it


@pytest.mark.parametrize("operation_id", ["a", "x" * 50, "идентификатор", "с пробелом"])
def test_any_other_id_may_be_asked_about(operation_id: str) -> None:
    assert check_id(operation_id) == operation_id
