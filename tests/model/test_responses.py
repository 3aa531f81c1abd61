"""Responses that tell of a failure: jobs and cells, what their codes mean, and all that says nothing."""

from __future__ import annotations

import pickle
import re
import signal
import sys
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import FileDesc, FileUploadError
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobResponse
from yandex.cloud.datasphere.v2.project_service_pb2 import ExecutionStatus, ProjectExecutionResponse
from yandex.cloud.mdb.postgresql.v1.managed_repack_pb2 import FinishedRepack

from ds_ops_magic.model import payload, responses
from ds_ops_magic.model.errors import OperationCancelled, OperationFailed, ProgramFailed
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Failure, Status
from ds_ops_magic.model.payload import UnknownPayload
from tests.support.messages import UNKNOWN, error, job_response, operation, packed

JOB = "yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobResponse"
OUT_OF_MEMORY = "killed (SIGKILL), mostly because it ran out of memory"


def cell(status: ExecutionStatus.ValueType) -> AnyMessage:
    return packed(ProjectExecutionResponse(execution_status=status))


def exit_failure(code: int, message: str = "") -> Failure:
    return Failure("program", code, f"exit code {code}", message)


OUTCOMES: list[tuple[dict[str, Any], Status, Failure | None, tuple[str, ...]]] = [
    ({"response": packed(job_response())}, Status.SUCCEEDED, None, ()),
    ({"response": packed(ExecuteProjectJobResponse())}, Status.SUCCEEDED, None, ()),
    ({"response": packed(job_response(1))}, Status.FAILED, exit_failure(1), ()),  # 1 is CANCELLED, of gRPC
    ({"response": packed(job_response(137))}, Status.FAILED, exit_failure(137, OUT_OF_MEMORY), ()),
    ({"response": packed(job_response(-9))}, Status.FAILED, exit_failure(-9, OUT_OF_MEMORY), ()),
    ({"response": packed(job_response(139))}, Status.FAILED, exit_failure(139, "segmentation fault (SIGSEGV)"), ()),
    ({"response": packed(job_response(143))}, Status.FAILED, exit_failure(143, "terminated (SIGTERM)"), ()),
    ({"response": packed(job_response(127))}, Status.FAILED, exit_failure(127, "its command was not found"), ()),
    ({"response": packed(job_response(**{"a.csv": "not there"}))}, Status.SUCCEEDED, None, ("a.csv (not there)",)),
    ({"response": packed(job_response(2, a="gone"))}, Status.FAILED, exit_failure(2), ("a (gone)",)),
    ({"error": error(8, "no quota")}, Status.FAILED, Failure("service", 8, "RESOURCE_EXHAUSTED", "no quota"), ()),
    ({"error": error(0, "it broke")}, Status.FAILED, Failure("service", 0, "OK", "it broke"), ()),
    ({"error": error(1, "by user")}, Status.CANCELLED, Failure("service", 1, "CANCELLED", "by user"), ()),
    ({"response": cell(ExecutionStatus.OK)}, Status.SUCCEEDED, None, ()),
    ({"response": cell(ExecutionStatus.EXECUTION_STATUS_UNSPECIFIED)}, Status.SUCCEEDED, None, ()),
    (
        {"response": cell(ExecutionStatus.ERROR)},
        Status.FAILED,
        Failure("program", None, "ERROR", "the cell raised an error"),
        (),
    ),
    (
        {"response": cell(ExecutionStatus.ABORTED)},
        Status.FAILED,
        Failure("program", None, "ABORTED", "the cell was aborted"),
        (),
    ),
    ({"response": packed(FinishedRepack(exit_code=1))}, Status.SUCCEEDED, None, ()),
    ({"response": UNKNOWN}, Status.SUCCEEDED, None, ()),
    ({"response": AnyMessage(type_url=f"x/{JOB}", value=b"\xff\xff")}, Status.SUCCEEDED, None, ()),
    ({"response": AnyMessage(type_url=f"x/{JOB}s", value=b"")}, Status.SUCCEEDED, None, ()),
    ({}, Status.SUCCEEDED, None, ()),
]


@pytest.mark.parametrize(("fields", "status", "failure", "warnings"), OUTCOMES)
def test_outcomes(fields: dict[str, Any], status: Status, failure: Failure | None, warnings: tuple[str, ...]) -> None:
    found = operation(done=True, **fields)
    assert (found.status, found.failure, found.warnings) == (status, failure, warnings)
    assert (found.error is None) is ("error" not in fields)
    decoded = payload.decode(fields.get("response", AnyMessage()))
    assert found.response == (None if isinstance(decoded, Empty) else decoded)  # whatever the outcome
    if failure is None:
        assert found.result() == found.response
        return
    kinds = {Status.CANCELLED: OperationCancelled, Status.FAILED: OperationFailed}
    with pytest.raises(OperationFailed) as caught:
        found.result()
    assert type(caught.value) is (ProgramFailed if failure.by == "program" else kinds[status])


@pytest.mark.parametrize("fields", [fields for fields, *_ in OUTCOMES])
def test_an_outcome_is_no_part_of_the_content(fields: dict[str, Any]) -> None:
    fresh, asked = operation(done=True, **fields), operation(done=True, **fields)
    outcome = (asked.status, asked.failure, asked.warnings)
    again = pickle.loads(pickle.dumps(asked))  # noqa: S301  # our own
    assert fresh == asked == again == Operation.from_proto(asked.to_proto())
    assert hash(fresh) == hash(asked) == hash(again)
    assert (again.status, again.failure, again.warnings) == outcome
    assert pickle.loads(pickle.dumps(outcome)) == outcome  # noqa: S301  # our own


@pytest.mark.parametrize("fields", [fields for fields, status, *_ in OUTCOMES if status is not Status.CANCELLED])
def test_nothing_is_said_before_the_end(fields: dict[str, Any]) -> None:
    found = operation(**fields)
    assert (found.failure, found.warnings, found.response) == (None, (), None)
    assert found.status is (Status.FAILING if "error" in fields else Status.RUNNING)


def test_a_type_that_is_not_installed_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "find_type", lambda name: None)
    found = operation(done=True, response=packed(job_response(137)))
    assert (found.status, found.failure, found.warnings) == (Status.SUCCEEDED, None, ())
    assert isinstance(found.result(), UnknownPayload)


@pytest.mark.parametrize("other", [Empty(), FileUploadError(), None])
def test_stubs_without_the_fields_change_nothing(other: Message | None) -> None:
    assert responses.verdict_on(f"x/{JOB}", lambda: other) == responses.Verdict()


@pytest.mark.parametrize("type_url", ["", "x/google.protobuf.Empty", JOB.rpartition(".")[2], f"{JOB}/", f"x/{JOB}.a"])
def test_other_types_are_not_decoded(type_url: str) -> None:
    def decode() -> Message:
        raise AssertionError(f"{type_url} was decoded")

    assert responses.verdict_on(type_url, decode) == responses.Verdict()


@pytest.mark.parametrize(
    ("lost", "warning"),
    [
        (
            FileUploadError(output_file_desc=FileDesc(path="a/b.csv", var="B"), description="too big"),
            "a/b.csv (too big)",
        ),
        (FileUploadError(log_file_name="log.txt", description="no room"), "log.txt (no room)"),
        (FileUploadError(log_file_name="log.txt", type=FileUploadError.NOT_FOUND), "log.txt (not found)"),
        (FileUploadError(log_file_name="log.txt", type=FileUploadError.UPLOAD_FAILED), "log.txt (upload failed)"),
        (FileUploadError(), "a file (no reason given)"),
        (FileUploadError(output_file_desc=FileDesc(path="<b>\n"), description="\x1b[2J"), "<b>\n (\x1b[2J)"),
    ],
)
def test_files_that_were_not_kept(lost: FileUploadError, warning: str) -> None:
    assert operation(done=True, response=packed(job_response(0, lost))).warnings == (warning,)


@pytest.mark.skipif(sys.platform != "linux", reason="the signals of Linux, by Python's own names")
def test_the_signals() -> None:
    names = {found.value: found.name for found in signal.Signals if found.value <= 31}
    for number, name in names.items():
        meaning = responses.exit_meaning(128 + number)
        assert meaning == responses.exit_meaning(-number)
        assert re.findall(r"SIG\w+", meaning) == [name]
    assert responses.exit_meaning(128 + signal.SIGXCPU) == "ended by SIGXCPU"
    assert responses.exit_meaning(126) == "its command cannot be executed"
    for code in (1, 2, 128, 255, 1000, -1000, 2**63 - 1, -(2**63)):
        assert responses.exit_meaning(code) == ""
