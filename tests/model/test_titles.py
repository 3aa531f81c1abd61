"""The title of an operation and its repr, whatever a server has put into it."""

from __future__ import annotations

import time

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations


def of_type(type_url: str) -> AnyMessage:
    return AnyMessage(type_url=type_url)


PROJECT = "type.googleapis.com/yandex.cloud.datasphere.v2.CreateProjectMetadata"
EVIL, TAMED = "\x1b[2J\u202e\nevil\x00\u2028", "\ufffd[2J\ufffd evil\ufffd"


@pytest.mark.parametrize(
    ("message", "title"),
    [
        (OperationMessage(description=" train a model\n", metadata=of_type(PROJECT)), "train a model"),
        (OperationMessage(description="", metadata=of_type(PROJECT)), "Create project"),
        (OperationMessage(description=" \n\t\xa0 ", metadata=of_type(PROJECT)), "Create project"),
        (OperationMessage(id="op1", metadata=of_type("x/vendor.v1.ScanS3Bucket")), "Scan s3 bucket"),
        (OperationMessage(id="op1", metadata=of_type("x/vendor.v1.Metadata")), "op1"),
        (OperationMessage(id="op1", metadata=of_type("\x1b\u202e\n")), "op1"),
        (OperationMessage(id="op1"), "op1"),
        (OperationMessage(id=EVIL), TAMED),
        (OperationMessage(description=EVIL), TAMED),
        (OperationMessage(description="\x1b" * 3), "\ufffd"),
        (OperationMessage(description="x" * 10_000_000), "x" * 255 + "…"),
        (OperationMessage(id="op1", description=" " * 10_000_000), "op1"),
        (OperationMessage(id="op1", metadata=of_type("x/" + "A" * 10_000_000)), "A" + "a" * 199),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_title(message: OperationMessage, title: str) -> None:
    start = time.perf_counter()
    assert Operation(message).title == title
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (OperationMessage(id="op1"), "Operation('op1', running)"),
        (OperationMessage(id="op1", description="train"), "Operation('op1', running, 'train')"),
        (OperationMessage(id="op1", metadata=of_type(PROJECT)), "Operation('op1', running, 'Create project')"),
        (OperationMessage(id="op1", error=Status(code=1)), "Operation('op1', cancelling)"),
        (OperationMessage(id=EVIL), f"Operation('{TAMED}', running)"),
    ],
)
def test_repr(message: OperationMessage, shown: str) -> None:
    assert repr(Operation(message)) == shown
    assert repr(Operations([Operation(message), None])) == f"Operations([{shown}, None])"
