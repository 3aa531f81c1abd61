"""DataSphere's jobs: followed by the job's id, and cancelled by their own service.

The facts are those of the stubs and of DataSphere's own command line, which cancels a job by this service alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.rpc import code_pb2
from yandex.cloud.datasphere.v2.jobs import jobs_pb2
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    CancelProjectJobRequest,
    ExecuteProjectJobMetadata,
    ExecuteProjectJobResponse,
    GetProjectJobRequest,
)
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model.errors import CancelNotSupported
from ds_ops_magic.model.ids import JOB, key_of, shown_id, split_key
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.sources import Call, Source
from ds_ops_magic.services.job_facts import job_of, stops_gracefully

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from ds_ops_magic.model.sources import CancelOptions

SERVICE = "datasphere"
"""Id in endpoint discovery of the service that has the jobs."""
_METHODS = "/yandex.cloud.datasphere.v2.jobs.ProjectJobService"
# What a status of jobs_pb2.JobStatus says; one that is not here is taken for running.
_WORDS = {
    jobs_pb2.CREATING: "being created",
    jobs_pb2.PREPARING: "preparing",
    jobs_pb2.EXECUTING: "executing",
    jobs_pb2.UPLOADING_OUTPUT: "uploading its output",
    jobs_pb2.CANCELLING: "being cancelled",
}
_ERRORS = {
    jobs_pb2.CANCELLING: (code_pb2.CANCELLED, "the job is being cancelled"),
    jobs_pb2.CANCELLED: (code_pb2.CANCELLED, "the job was cancelled"),
    jobs_pb2.ERROR: (code_pb2.UNKNOWN, "the job failed"),
}
_ENDED = {jobs_pb2.SUCCESS, jobs_pb2.ERROR, jobs_pb2.CANCELLED}


def cancel_call(operation: Operation, options: CancelOptions) -> Call | None:
    """Return the call that cancels a job; None for an operation that is none.

    Raises:
        CancelNotSupported: It is none, and was to be stopped gracefully.
    """
    job = job_of(operation)
    if job is None:
        if options.graceful:
            shown = shown_id(operation.id)
            raise CancelNotSupported(
                f"{shown} is no DataSphere job, and only jobs can be stopped gracefully.",
                f"The operation goes on; to cancel it at once: %op cancel {shown}",
            )
        return None
    graceful = options.graceful or (stops_gracefully(operation) and not options.force)
    request = CancelProjectJobRequest(job_id=job.id, reason=options.reason, graceful=graceful)
    return call("Cancel", request)


def operation_of(job: jobs_pb2.Job) -> Operation:
    """Describe a job as an operation that executes it, with ``job:ID`` for an id.

    The service tells of a job neither the exit code of its program nor its progress, so these are not there.
    """
    message = OperationMessage(id=key_of(JOB, job.id), created_by=job.created_by_id, description=job.name or job.desc)
    message.done = job.status in _ENDED
    message.created_at.CopyFrom(job.created_at)
    message.modified_at.CopyFrom(_last_change(job))
    metadata = ExecuteProjectJobMetadata(job=job)
    metadata.metadata.status_details = job.status_details or _WORDS.get(job.status, "")
    message.metadata.Pack(metadata)
    if job.status == jobs_pb2.SUCCESS:
        response = ExecuteProjectJobResponse(output_files_errors=job.file_errors, output_datasets=job.output_datasets)
        message.response.Pack(response)
    elif job.status in _ERRORS:
        message.error.code, message.error.message = _ERRORS[job.status]
        message.error.message = job.status_details or message.error.message
    return Operation(message)


def _last_change(job: jobs_pb2.Job) -> Timestamp:
    return next((stamp for stamp in (job.finished_at, job.started_at) if stamp.seconds), job.created_at)


def _get(job_id: str) -> Call:
    return call("Get", GetProjectJobRequest(job_id=job_id))


def _read(key: str, data: bytes) -> Operation:
    job = jobs_pb2.Job.FromString(data)
    # An answer that does not say whose it is is about the one that was asked about.
    job.id = job.id or split_key(key)[1]
    return operation_of(job)


def call(method: str, request: Any) -> Call:
    """Return a call of ProjectJobService."""
    return Call(SERVICE, f"{_METHODS}/{method}", request.SerializeToString())


SOURCE = Source(SERVICE, _get, _read)
"""Asks about jobs by their own ids."""
