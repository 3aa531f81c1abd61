"""Operation: every field of the message, and the value that it is."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as StatusMessage
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobProgress
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model.errors import OperationCancelled, OperationFailed, OperationsError
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import ErrorStatus
from ds_ops_magic.model.progress import Progress
from tests.support.fresh import fresh
from tests.support.messages import START, UNKNOWN, at, error, operation, packed


def repickled(given: Any) -> Any:
    return pickle.loads(pickle.dumps(given))  # noqa: S301  # our own


def full(**fields: Any) -> OperationMessage:
    """Make a message with all nine fields set; ``error`` in place of the response where it is given."""
    text: dict[str, Any] = {"id": "op1", "description": "create a project", "created_by": "user1"}
    metadata = packed(CreateProjectMetadata(project_id="p1"))
    result = fields or {"response": packed(Project(id="p1", name="mine"))}
    return OperationMessage(**text, created_at=at(0), modified_at=at(90), done=True, metadata=metadata, **result)


@pytest.mark.parametrize(("code", "kind"), [(8, OperationFailed), (1, OperationCancelled)])
def test_result_raises_what_became_of_it(code: int, kind: type[OperationFailed]) -> None:
    found = operation(done=True, error=error(code))
    with pytest.raises(OperationFailed) as caught:
        found.result()
    assert (type(caught.value), caught.value.operation, caught.value.status) == (kind, found, found.error)


@pytest.mark.parametrize("fields", [{}, {"response": packed(Project())}, {"error": error(8)}])
def test_result_of_what_is_not_done_raises(fields: dict[str, Any]) -> None:
    with pytest.raises(OperationsError, match=r"op1 is not done yet \((running|failing)\)\.\n.*%op wait op1"):
        operation(**fields).result()


def test_all_nine_fields() -> None:
    found = Operation.from_proto(full())
    assert (found.id, found.description, found.created_by, found.done) == ("op1", "create a project", "user1", True)
    assert (found.created_at, found.modified_at) == (START, START + timedelta(seconds=90))
    assert found.metadata == CreateProjectMetadata(project_id="p1")
    assert found.metadata.project_id == "p1"  # type: ignore[union-attr]  # typed by what came
    assert found.response == Project(id="p1", name="mine")
    assert found.error is None
    assert (found.kind, found.resource_id) == ("yandex.cloud.datasphere.v2.CreateProjectMetadata", "p1")
    failed = Operation.from_proto(full(error=error(8, "no quota"))).error
    assert failed == ErrorStatus(8, "no quota")


def test_an_empty_message_has_nothing_to_say() -> None:
    found = Operation(OperationMessage())
    assert {found.id, found.description, found.created_by, found.kind, found.title} == {""}
    times = (found.created_at, found.modified_at, found.elapsed)
    assert (*times, found.metadata, found.error, found.response, found.resource_id) == (None,) * 7
    assert (found.done, found.progress, found.to_dict()) == (False, Progress(), {})


@pytest.mark.parametrize(
    ("seconds", "nanos", "expected"),
    [
        (0, 0, None),
        (0, 1000, datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=timezone.utc)),
        (-62135596800, 0, datetime(1, 1, 1, tzinfo=timezone.utc)),
        (-62135596801, 0, None),
        (253402300799, 999_999_999, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc)),
        (253402300800, 0, None),
        (2**63 - 1, 0, None),
        (5, -1, None),
        (5, 1_000_000_000, None),
    ],
)
def test_times_are_aware_utc_or_none(seconds: int, nanos: int, expected: datetime | None) -> None:
    message = OperationMessage(id="op1", done=True)
    for stamp in (message.created_at, message.modified_at):
        stamp.seconds, stamp.nanos = seconds, nanos
    found = Operation(message)
    for moment in (found.created_at, found.modified_at):
        assert moment == expected
        assert moment is None or moment.tzinfo is timezone.utc
    assert found.elapsed == (None if expected is None else 0.0)
    assert ("created_at" in found.to_dict()) is (expected is not None)
    assert hash(found) == hash(Operation.from_proto(message))


@pytest.mark.parametrize(
    ("fields", "now_after", "elapsed"),
    [
        ({"done": True, "modified_at": at(90)}, 1000, 90.0),
        ({"done": True, "modified_at": at(-5)}, 1000, 0.0),  # the clocks of a service differ among themselves
        ({"done": True}, 1000, None),  # when it ended is not known, and is not invented
        ({"modified_at": at(90)}, 1000, 1000.0),
        ({}, -3, 0.0),  # the clock here is behind
    ],
)
def test_elapsed(fields: dict[str, Any], now_after: int, elapsed: float | None) -> None:
    now = (START + timedelta(seconds=now_after)).astimezone(timezone(timedelta(hours=3)))
    assert operation(created_at=at(0), **fields).elapsed_at(now) == elapsed


def test_elapsed_of_what_runs_counts_to_now() -> None:
    elapsed = operation(created_at=at((datetime.now(timezone.utc) - START).total_seconds() - 60)).elapsed
    assert elapsed == pytest.approx(60, abs=5)


def test_a_copy_goes_in_and_a_copy_comes_out() -> None:
    message = full()
    found = Operation.from_proto(message)
    message.id = message.metadata.type_url = "changed"
    out = found.to_proto()
    assert out == full()
    out.id = out.response.type_url = "changed"
    assert found.to_proto() == full()


def test_bytes_that_are_no_operation_are_refused() -> None:
    assert Operation.from_bytes(full().SerializeToString()) == Operation(full())
    for data in (b"\xff", b"\x0a\x02\xff\xfe", full().SerializeToString()[:-1]):
        with pytest.raises(DecodeError):
            Operation.from_bytes(data)


@pytest.mark.parametrize("fields", [{}, {"error": error(8, "", ErrorInfo())}, {"response": packed(Empty())}])
def test_to_dict_parses_back(fields: dict[str, Any]) -> None:
    plain = Operation(full(**fields)).to_dict()
    assert json_format.ParseDict(plain, OperationMessage()) == full(**fields)
    assert plain["metadata"] == {"@type": full().metadata.type_url, "project_id": "p1"}
    assert plain["created_at"] == "2026-03-01T12:00:00Z"


def test_to_dict_of_what_is_unknown() -> None:
    plain = {"@type": UNKNOWN.type_url, "size": 3}
    ended = operation(metadata=UNKNOWN, response=UNKNOWN)
    assert ended.to_dict() == {"id": "op1", "metadata": plain, "response": plain}
    failed = operation(error=StatusMessage(code=99, details=[UNKNOWN]))
    assert failed.to_dict() == {"id": "op1", "error": {"code": 99, "message": "", "details": [plain]}}


@pytest.mark.parametrize("message", [full(), full(error=error(8, "", ErrorInfo())), OperationMessage(metadata=UNKNOWN)])
def test_pickles_and_copies_are_equal(message: OperationMessage) -> None:
    found = Operation(message)
    for again in (copy.copy, copy.deepcopy, repickled):
        twin = again(found)  # from the second round on with fields decoded, which must not get in the way
        assert (twin, hash(twin), twin.error, twin.metadata) == (found, hash(found), found.error, found.metadata)


def test_a_pickle_is_read_where_nothing_is_imported_yet() -> None:
    code = """
import pickle
op = pickle.loads(bytes.fromhex(input()))
assert not [name for name in sys.modules if "datasphere" in name or "error_details_pb2" in name]
print(json.dumps([op.metadata.project_id, op.error.details[0].reason, op.resource_id, op.status.value]))
"""
    pickled = pickle.dumps(Operation(full(error=error(8, "no quota", ErrorInfo(reason="R"))))).hex()
    assert fresh(code, pickled) == ["p1", "R", "p1", "failed"]


def test_equal_by_content() -> None:
    assert len({Operation(full()), Operation(full()), operation()}) == 2
    assert Operation(full()) != Operation(full(error=error(8)))
    assert Operation(full()) != full()


@pytest.mark.parametrize("name", ["id", "done", "status", "metadata", "_message", "anything"])
def test_a_snapshot_cannot_be_changed(name: str) -> None:
    with pytest.raises(AttributeError, match="snapshot"):
        setattr(operation(), name, "x")


def test_progress_is_read_from_the_metadata() -> None:
    metadata = packed(ExecuteProjectJobMetadata(progress=JobProgress(message="epoch 3", progress=40)))
    assert operation(metadata=metadata).progress == Progress(0.4, "epoch 3")
    assert operation(metadata=UNKNOWN).progress == Progress()
