"""From a row of the store to the messages that say it: the operation, and the DataSphere job that it runs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.jobs import jobs_pb2
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    CloneProjectJobMetadata,
    CloneProjectJobResponse,
    ExecuteProjectJobMetadata,
    ExecuteProjectJobResponse,
)
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.local.results import CANCELLING, clean
from ds_ops_magic.local.simulated_job import SimulatedJob, job_of, without_log
from ds_ops_magic.local.simulation import file_errors_of, state_at

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from ds_ops_magic.local.store import Row

PROJECT_ID = "local-project"
"""The project of every job."""

COMMUNITY_ID = "local-community"

OPERATION_PREFIX = "loc"
CLONE_PREFIX = "cln"
"""What ids of the operations that cloned a job begin with; the rest is that of the operation which executes it."""
_JOB_PREFIX = "job"
_URL = "type.googleapis.com/"
_METADATA_URL = _URL + ExecuteProjectJobMetadata.DESCRIPTOR.full_name
_RESPONSE_TYPE = ExecuteProjectJobResponse.DESCRIPTOR.full_name
_MAX_DETAILS = 256
_SECOND = 10**9
_CACHED = 4096
_ID_FIELD = b"\n\x14"
"""What stands before an id of 20 characters in a serialized job, and in no progress, whose texts are of one line."""


def job_id_of(operation_id: str) -> str:
    """Return the id of the job that an operation runs: the same letters after another beginning."""
    return f"{_JOB_PREFIX}{operation_id.removeprefix(OPERATION_PREFIX)}"


def operation_id_of(job_id: str) -> str | None:
    """Return the id of the operation that runs a job; None where this is no id of a job."""
    return f"{OPERATION_PREFIX}{job_id.removeprefix(_JOB_PREFIX)}" if job_id.startswith(_JOB_PREFIX) else None


def clone_message(row: Row) -> OperationMessage:
    """Return the operation that cloned the job of a row, which ended at once."""
    job_id, cloned_at = job_id_of(row.id), row.simulation and job_of(row.simulation).requests.cloned_at
    message = OperationMessage(
        id=f"{CLONE_PREFIX}{row.id.removeprefix(OPERATION_PREFIX)}",
        description="Clone a job",
        created_by=row.created_by,
        done=True,
    )
    message.created_at.FromNanoseconds(cloned_at or row.created_at)
    message.modified_at.FromNanoseconds(cloned_at or row.created_at)
    message.metadata.Pack(CloneProjectJobMetadata(project_id=PROJECT_ID, job_id=job_id))
    message.response.Pack(CloneProjectJobResponse(job_id=job_id))
    return message


def packed(message: Message) -> bytes:
    wrapped = AnyMessage(type_url=_URL + message.DESCRIPTOR.full_name, value=message.SerializeToString())
    data: bytes = wrapped.SerializeToString()
    return data


def with_state(row: Row, now: int) -> Row:
    """Return a row with the state of its simulation, or with the error of an operation that is being cancelled."""
    if row.done:
        return row
    if row.simulation is None:
        if row.cancel_requested is None:
            return row
        return row._replace(error=with_reason(CANCELLING, _stored_reason(row)).SerializeToString())
    job = job_of(row.simulation)
    if job.requests.waits:
        return row
    state = state_at(job.simulation, row.created_at, row.cancel_requested, now, job.requests.cancel_ends)
    error = None if state.error is None else with_reason(state.error, job.requests.reason)
    row = row._replace(
        modified_at=state.modified_at,
        done=state.done,
        error=None if error is None else error.SerializeToString(),
        response=None if state.response is None else packed(state.response),
    )
    metadata = AnyMessage(type_url=_METADATA_URL, value=_with_job(state.metadata, row, error))
    return row._replace(metadata=metadata.SerializeToString())


def with_reason(status: Status, reason: str) -> Status:
    """Return the status of a cancel with the reason for it, where there is one."""
    if status.code != code_pb2.CANCELLED or not reason:
        return status
    return Status(code=status.code, message=f"{status.message}: {reason}", details=status.details)


def with_stored(metadata: bytes, **job_fields: Any) -> bytes:
    """Return the metadata of a row with fields of its job set."""
    message = _unpacked(metadata)
    message.job.MergeFrom(Job(**job_fields))
    return packed(message)


def stored_metadata(row: Row) -> ExecuteProjectJobMetadata:
    """Return the metadata as it is stored: of the job of a callable, only what no column says."""
    return _unpacked(row.metadata)


def operation_message(row: Row) -> OperationMessage:
    message = OperationMessage(id=row.id, description=row.description, created_by=row.created_by, done=bool(row.done))
    _set(message.created_at, row.created_at)
    _set(message.modified_at, row.modified_at)
    if row.error is not None:
        message.error.ParseFromString(row.error)
        if row.done and row.simulation is None:
            message.error.CopyFrom(with_reason(message.error, _stored_reason(row)))
    elif row.response is not None:
        message.response.ParseFromString(row.response)
    message.metadata.ParseFromString(row.metadata)
    if _ID_FIELD + job_id_of(row.id).encode() not in row.metadata:
        error = message.error if row.error is not None else None
        message.metadata.type_url = _METADATA_URL
        message.metadata.value = _with_job(_unpacked(row.metadata), row, error)
    return message


def job_message(row: Row) -> Job:
    return ExecuteProjectJobMetadata.FromString(operation_message(row).metadata.value).job


class _Facts(NamedTuple):
    """What the job in the metadata is made of; times are nanoseconds since the epoch."""

    operation_id: str
    name: str
    created_by: str
    created_at: int
    started_at: int | None
    finished_at: int | None
    status: jobs_pb2.JobStatus.ValueType
    details: str
    simulation: str | None
    has_response: bool


def _with_job(metadata: ExecuteProjectJobMetadata, row: Row, error: Status | None) -> bytes:
    # Serialized. Messages that are written one after the other are merged where they are read.
    simulated = None if row.simulation is None else job_of(row.simulation)
    status, details = _status(row, simulated, error)
    if simulated is not None:
        started_at = None if simulated.requests.waits else row.created_at
    else:
        started_at = metadata.job.started_at.ToNanoseconds() if metadata.job.HasField("started_at") else None
    facts = _Facts(
        row.id,
        row.description,
        row.created_by,
        row.created_at,
        started_at,
        row.modified_at if row.done else None,
        status,
        details,
        without_log(row.simulation) if row.simulation is not None else None,
        row.response is not None,
    )
    return metadata.SerializeToString() + _serialized_job(facts)


@functools.lru_cache(_CACHED)
def _serialized_job(facts: _Facts) -> bytes:
    # While an operation runs this is mostly the same from one Get to the next.
    message = ExecuteProjectJobMetadata()
    job, summary = message.job, message.metadata
    job.id, job.name, job.project_id = job_id_of(facts.operation_id), facts.name, PROJECT_ID
    job.created_by_id, job.status, job.status_details = facts.created_by, facts.status, facts.details
    _set(job.created_at, facts.created_at)
    if facts.started_at is not None:
        _set(job.started_at, facts.started_at)
    if facts.finished_at is not None:
        _set(job.finished_at, facts.finished_at)
    if facts.simulation is not None:
        _fill_simulated(job, job_of(facts.simulation), facts)
    summary.created_at.CopyFrom(job.created_at)
    if job.HasField("started_at"):
        summary.started_at.CopyFrom(job.started_at)
    if job.HasField("finished_at"):
        summary.finished_at.CopyFrom(job.finished_at)
    summary.id, summary.name, summary.description, summary.project_id = job.id, job.name, job.desc, PROJECT_ID
    summary.status, summary.status_details = job.status, job.status_details
    summary.created_by_id, summary.parent_job_id = job.created_by_id, job.parent_job_id
    data: bytes = message.SerializeToString()
    return data


def _fill_simulated(job: Job, simulated: SimulatedJob, facts: _Facts) -> None:
    simulation, requests = simulated.simulation, simulated.requests
    if requests.cloned_at is not None:
        job.desc, job.parent_job_id = requests.desc, requests.parent
        _set(job.created_at, requests.cloned_at)
    if simulation.graceful is not None:
        timeout = job.job_parameters.graceful_shutdown_parameters.timeout
        timeout.FromNanoseconds(simulation.graceful_length)
    if facts.has_response:
        job.file_errors.extend(file_errors_of(simulation))


def _status(row: Row, simulated: SimulatedJob | None, error: Status | None) -> tuple[jobs_pb2.JobStatus.ValueType, str]:
    # The status of the job, and its details.
    if simulated is not None and simulated.requests.waits:
        return jobs_pb2.CREATING, ""
    cancelled = error is not None and error.code == code_pb2.CANCELLED
    details = "" if error is None else clean(error.message, _MAX_DETAILS)
    if not row.done and not cancelled:
        return (jobs_pb2.EXECUTING if row.started or simulated is not None else jobs_pb2.PREPARING), ""
    if cancelled:
        return (jobs_pb2.CANCELLED if row.done else jobs_pb2.CANCELLING), details
    code = 0 if row.response is None else _return_code(row.response)
    if code:
        return jobs_pb2.ERROR, f"The program returned {code}"
    return (jobs_pb2.SUCCESS if error is None else jobs_pb2.ERROR), details


def _return_code(response: bytes) -> int:
    # A callable that was submitted may return such a message too.
    if _RESPONSE_TYPE.encode() not in response[: 2 * len(_RESPONSE_TYPE)]:
        return 0
    return ExecuteProjectJobResponse.FromString(AnyMessage.FromString(response).value).result.return_code


def _stored_reason(row: Row) -> str:
    return stored_metadata(row).job.status_details


def _unpacked(metadata: bytes) -> ExecuteProjectJobMetadata:
    # Raises DecodeError where the row is damaged.
    return ExecuteProjectJobMetadata.FromString(AnyMessage.FromString(metadata).value)


def _set(stamp: Timestamp, nanoseconds: int) -> None:
    # As FromNanoseconds, in a third of the time.
    stamp.seconds, stamp.nanos = divmod(nanoseconds, _SECOND)
