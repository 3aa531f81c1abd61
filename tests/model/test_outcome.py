"""How an operation stands, by what its message says."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as StatusMessage
from yandex.cloud.datasphere.v2.project_pb2 import Project

from ds_ops_magic.model.outcome import ErrorStatus, Status
from ds_ops_magic.model.payload import UnknownPayload
from tests.support.messages import UNKNOWN, error, operation, packed

RESPONSE = packed(Project(id="p1"))


@pytest.mark.parametrize(
    ("fields", "status", "word", "response"),
    [
        ({}, Status.RUNNING, "running", None),
        ({"response": RESPONSE}, Status.RUNNING, "running", None),  # set too early
        ({"error": error(0)}, Status.RUNNING, "running", None),
        ({"error": error(9, "no quota")}, Status.FAILING, "failing", None),
        ({"error": error(1)}, Status.FAILING, "cancelling", None),
        ({"done": True, "response": RESPONSE}, Status.SUCCEEDED, "succeeded", Project(id="p1")),
        ({"done": True, "response": packed(Empty())}, Status.SUCCEEDED, "succeeded", None),
        ({"done": True, "response": UNKNOWN}, Status.SUCCEEDED, "succeeded", UnknownPayload(UNKNOWN.type_url, 3)),
        ({"done": True}, Status.SUCCEEDED, "succeeded", None),  # neither
        ({"done": True, "response": AnyMessage()}, Status.SUCCEEDED, "succeeded", None),
        ({"done": True, "error": error(0)}, Status.SUCCEEDED, "succeeded", None),  # OK, and no words
        ({"done": True, "error": error(0, "it broke")}, Status.FAILED, "failed", None),
        ({"done": True, "error": error(8, "no quota")}, Status.FAILED, "failed", None),
        ({"done": True, "error": error(99)}, Status.FAILED, "failed", None),
        ({"done": True, "error": error(-1)}, Status.FAILED, "failed", None),
        ({"done": True, "error": error(1, "cancelled by user")}, Status.CANCELLED, "cancelled", None),
    ],
)
def test_status(fields: dict[str, Any], status: Status, word: str, response: object) -> None:
    found = operation(**fields)
    assert (found.status, found.status_word, found.response) == (status, word, response)
    assert status is not Status.SUCCEEDED or found.result() == response
    assert found.status.done is found.done
    assert (found.error is None) is (status in (Status.RUNNING, Status.SUCCEEDED))


@pytest.mark.parametrize(("code", "name"), [(1, "CANCELLED"), (5, "NOT_FOUND"), (99, "CODE_99"), (-7, "CODE_-7")])
def test_an_error(code: int, name: str) -> None:
    details = [UNKNOWN, packed(ErrorInfo(reason="R")), AnyMessage()]  # what cannot be read hides nothing else
    found = operation(error=StatusMessage(code=code, message="words", details=details)).error
    assert found == ErrorStatus(code, "words", (UnknownPayload(UNKNOWN.type_url, 3), ErrorInfo(reason="R")))
    assert found.name == name
    assert hash(found) == hash(ErrorStatus(code, "words"))
