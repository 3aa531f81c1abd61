"""Operations: a list by outcome, and a table."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import ExecutionStatus, ProjectExecutionResponse
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from tests.support.messages import START, at, error, job_response, operation, packed

CELL_RAISED = ProjectExecutionResponse(execution_status=ExecutionStatus.ERROR)
FULL = operation(description="create a project", created_by="user1", done=True, created_at=at(0), modified_at=at(90))
STATES = {
    "running": operation(id="running"),
    "failing": operation(id="failing", error=error(8)),
    "good": operation(id="good", done=True),
    "bad": operation(id="bad", done=True, error=error(8, "no quota")),
    "cancelled": operation(id="cancelled", done=True, error=error(1)),
    "killed": operation(id="killed", done=True, response=packed(job_response(137))),
    "raised": operation(id="raised", done=True, response=packed(CELL_RAISED)),
}


def test_by_outcome() -> None:
    several = Operations([None, *STATES.values(), None])
    names = {name: [found.id for found in getattr(several, name)] for name in ("succeeded", "failed", "running")}
    assert names == {
        "succeeded": ["good"],
        "failed": ["bad", "cancelled", "killed", "raised"],
        "running": ["running", "failing"],
    }
    assert isinstance(several.failed, Operations)
    assert Operations().succeeded == []


def test_to_frame() -> None:
    pytest.importorskip("pandas")
    frame = Operations([FULL, None, *STATES.values()]).to_frame()
    assert list(frame["id"]) == ["op1", *STATES]
    assert list(frame["status"]) == [
        "succeeded",
        "running",
        "failing",
        "succeeded",
        "failed",
        "cancelled",
        *["failed"] * 2,
    ]
    assert list(frame["error"].dropna()) == [
        "RESOURCE_EXHAUSTED",
        "RESOURCE_EXHAUSTED: no quota",
        "CANCELLED",
        "exit code 137: killed (SIGKILL), mostly because it ran out of memory",
        "ERROR: the cell raised an error",
    ]
    assert list(frame["return_code"]) == [None] * 6 + [137, None]
    first = frame.iloc[0]
    assert (first["created_at"], first["elapsed"], first["description"]) == (START, 90.0, "create a project")
    assert list(Operations([None]).to_frame().columns) == list(frame.columns)


@pytest.mark.parametrize("several", [[], [None], [operation(id="a")], [FULL], [FULL, operation(id="a")]])
def test_the_columns_of_a_frame_have_fixed_types(several: list[Any]) -> None:
    pytest.importorskip("pandas")
    kinds = {name: str(kind) for name, kind in Operations(several).to_frame().dtypes.items()}
    utc = "datetime64[us, UTC]"
    assert kinds == {**dict.fromkeys(kinds, "object"), "created_at": utc, "modified_at": utc, "elapsed": "float64"}


def test_a_frame_takes_every_time_that_an_operation_has() -> None:
    pytest.importorskip("pandas")
    first, last = OperationMessage(id="a"), OperationMessage(id="b")
    first.created_at.seconds, last.created_at.seconds = -62135596800, 253402300799
    frame = Operations([Operation(first), Operation(last)]).to_frame()
    assert [moment.year for moment in frame["created_at"]] == [1, 9999]


def test_to_frame_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)  # how Python itself marks what cannot be imported
    with pytest.raises(ImportError, match=r"to_frame\(\) needs pandas.*%pip install pandas"):
        Operations([FULL]).to_frame()
