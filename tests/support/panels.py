"""Snapshots and panels for the tests of displays."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as StatusMessage
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.display.panel import Panel, panel_of
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.view import Entry, Health, View
from tests.support.messages import packed

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=timezone.utc)


def snapshot(
    operation_id: str = "op1",
    *,
    done: bool = False,
    code: int = 0,
    message: str = "",
    age: float = 130.0,
    took: float = 130.0,
    percent: int | None = None,
    name: str = "nlp-demo",
    response: Message | None = None,
    **fields: Any,
) -> Operation:
    """Make an operation that was created `age` seconds before NOW and last changed `took` seconds after that."""
    proto = OperationMessage(id=operation_id, done=done, **fields)
    proto.created_at.FromDatetime(NOW - timedelta(seconds=age))
    proto.modified_at.FromDatetime(NOW - timedelta(seconds=age - took))
    if percent is not None:
        metadata = ExecuteProjectJobMetadata()
        metadata.progress.progress = percent
        metadata.progress.message = f"step {percent} of 100"
        proto.metadata.Pack(metadata)
    if code:
        proto.error.CopyFrom(StatusMessage(code=code, message=message, details=[packed(ErrorInfo(reason="QUOTA"))]))
    elif done:
        proto.response.Pack(response or Project(id="p1", name=name, community_id="c1"))
    return Operation(proto)


def view_of(*shown: Operation | Entry, health: Health | None = None, **facts: Any) -> View:
    entries = tuple(one if isinstance(one, Entry) else Entry(one.id, one) for one in shown)
    return View(entries, health or Health(), **facts)


def panel(*shown: Operation | Entry, max_rows: int = 20, hint: str = "", **facts: Any) -> Panel:
    return panel_of(view_of(*shown, **facts), NOW, max_rows, hint)


class StubWatch:
    """Has operations as a watch has them."""

    def __init__(self, *operations: Operation) -> None:
        self.operations = operations

    def view(self) -> View:
        return view_of(*self.operations)


def press(button: Any) -> None:
    button.comm.handle_msg({"content": {"data": {"method": "custom", "content": {"event": "click"}}}, "buffers": []})
