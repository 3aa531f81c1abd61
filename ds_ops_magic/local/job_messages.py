"""From a row of the store to the messages that say it: the operation, and the DataSphere job that it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.jobs import jobs_pb2
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata, ExecuteProjectJobResponse
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.local.results import CANCELLING, clean
from ds_ops_magic.local.simulated_job import SimulatedJob, job_of
from ds_ops_magic.local.simulation import file_errors_of, state_at

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job

    from ds_ops_magic.local.store import Row

PROJECT_ID = "local-project"
"""The project of every job."""

COMMUNITY_ID = "local-community"

OPERATION_PREFIX = "loc"
_JOB_PREFIX = "job"
_RESPONSE_TYPE = ExecuteProjectJobResponse.DESCRIPTOR.full_name
_MAX_DETAILS = 256


def job_id_of(operation_id: str) -> str:
    """Return the id of the job that an operation runs: the same letters after another beginning."""
    return f"{_JOB_PREFIX}{operation_id.removeprefix(OPERATION_PREFIX)}"


def operation_id_of(job_id: str) -> str | None:
    """Return the id of the operation that runs a job; None where this is no id of a job."""
    return f"{OPERATION_PREFIX}{job_id.removeprefix(_JOB_PREFIX)}" if job_id.startswith(_JOB_PREFIX) else None


def packed(message: Message) -> bytes:
    wrapped = AnyMessage()
    wrapped.Pack(message)
    return wrapped.SerializeToString()


def with_state(row: Row, now: int) -> Row:
    """Return a row with the state of its simulation, or with the error of an operation that is being cancelled."""
    if row.done:
        return row
    if row.simulation is None:
        return (
            row
            if row.cancel_requested is None
            else row._replace(error=_cancelling(stored_metadata(row).job.status_details))
        )
    job = job_of(row.simulation)
    if job.requests.waits:
        return row
    state = state_at(job.simulation, row.created_at, row.cancel_requested, now, job.requests.cancel_ends)
    error = state.error and with_reason(state.error, job.requests.reason).SerializeToString()
    return row._replace(
        modified_at=state.modified_at,
        done=state.done,
        metadata=packed(state.metadata),
        error=error,
        response=None if state.response is None else packed(state.response),
    )


def with_reason(status: Status, reason: str) -> Status:
    """Return the status of a cancel with the reason for it, where there is one."""
    if status.code != code_pb2.CANCELLED or not reason:
        return status
    return Status(code=status.code, message=f"{status.message}: {reason}", details=status.details)


def stored_metadata(row: Row) -> ExecuteProjectJobMetadata:
    """Return the metadata as it is stored: the progress, and of the job only what nothing else says."""
    return _unpacked(row.metadata)


def with_stored(metadata: bytes, **job_fields: Any) -> bytes:
    """Return the metadata of a row with fields of its job set."""
    message = _unpacked(metadata)
    message.job.MergeFrom(jobs_pb2.Job(**job_fields))
    return packed(message)


def operation_message(row: Row) -> OperationMessage:
    message = OperationMessage(id=row.id, description=row.description, created_by=row.created_by, done=bool(row.done))
    message.created_at.FromNanoseconds(row.created_at)
    message.modified_at.FromNanoseconds(row.modified_at)
    if row.error is not None:
        message.error.ParseFromString(row.error)
    elif row.response is not None:
        message.response.ParseFromString(row.response)
    metadata = stored_metadata(row)
    if row.done and row.simulation is None and row.error is not None:
        message.error.CopyFrom(with_reason(message.error, metadata.job.status_details))
    _fill(metadata.job, row, message)
    _summarize(metadata)
    message.metadata.Pack(metadata)
    return message


def job_message(row: Row) -> Job:
    metadata = ExecuteProjectJobMetadata()
    operation_message(row).metadata.Unpack(metadata)
    return metadata.job


def status_of(row: Row, operation: OperationMessage) -> tuple[jobs_pb2.JobStatus.ValueType, str]:
    """Return the status of a job and its details."""
    if row.simulation is not None and job_of(row.simulation).requests.waits:
        return jobs_pb2.CREATING, ""
    failed = operation.HasField("error")
    if not row.done:
        cancelling = failed and operation.error.code == code_pb2.CANCELLED
        running = jobs_pb2.EXECUTING if row.started or row.simulation is not None else jobs_pb2.PREPARING
        return (jobs_pb2.CANCELLING, _details(operation)) if cancelling else (running, "")
    if failed:
        cancelled = operation.error.code == code_pb2.CANCELLED
        return (jobs_pb2.CANCELLED if cancelled else jobs_pb2.ERROR), _details(operation)
    code = _return_code(operation.response)
    return (jobs_pb2.ERROR, f"The program returned {code}") if code else (jobs_pb2.SUCCESS, "")


def _fill(job: Job, row: Row, operation: OperationMessage) -> None:
    job.id, job.name = job_id_of(row.id), row.description
    job.project_id, job.created_by_id = PROJECT_ID, row.created_by
    job.created_at.CopyFrom(operation.created_at)
    if row.done:
        job.finished_at.CopyFrom(operation.modified_at)
    if row.simulation is not None:
        _fill_simulated(job, job_of(row.simulation), operation)
    job.status, job.status_details = status_of(row, operation)


def _fill_simulated(job: Job, simulated: SimulatedJob, operation: OperationMessage) -> None:
    simulation, requests = simulated.simulation, simulated.requests
    job.desc, job.parent_job_id = requests.desc, requests.parent
    if requests.cloned_at is not None:
        job.created_at.FromNanoseconds(requests.cloned_at)
    if not requests.waits:
        job.started_at.CopyFrom(operation.created_at)
    if simulation.graceful is not None:
        timeout = job.job_parameters.graceful_shutdown_parameters.timeout
        timeout.FromNanoseconds(simulation.graceful_length)
    if operation.HasField("response"):
        job.file_errors.extend(file_errors_of(simulation))


def _summarize(metadata: ExecuteProjectJobMetadata) -> None:
    job, summary = metadata.job, metadata.metadata
    summary.id, summary.name, summary.description = job.id, job.name, job.desc
    summary.status, summary.status_details = job.status, job.status_details
    summary.created_by_id, summary.project_id, summary.parent_job_id = job.created_by_id, PROJECT_ID, job.parent_job_id
    summary.created_at.CopyFrom(job.created_at)
    for name in ("started_at", "finished_at"):
        if job.HasField(name):
            getattr(summary, name).CopyFrom(getattr(job, name))


def _details(operation: OperationMessage) -> str:
    return clean(operation.error.message, _MAX_DETAILS)


def _return_code(response: AnyMessage) -> int:
    # A callable that was submitted may return such a message too.
    if response.type_url.rpartition("/")[2] != _RESPONSE_TYPE:
        return 0
    return ExecuteProjectJobResponse.FromString(response.value).result.return_code


def _cancelling(reason: str) -> bytes:
    status: bytes = with_reason(CANCELLING, reason).SerializeToString()
    return status


def _unpacked(metadata: bytes) -> ExecuteProjectJobMetadata:
    # Raises DecodeError where the row is damaged.
    wrapped, message = AnyMessage.FromString(metadata), ExecuteProjectJobMetadata()
    wrapped.Unpack(message)
    return message
