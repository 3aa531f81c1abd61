"""What an operation says of the DataSphere job that it executes. Displays ask it, so it imports no stubs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.model.payload import UnknownPayload

if TYPE_CHECKING:
    from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job

    from ds_ops_magic.model.operation import Operation

_KIND = "yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobMetadata"


def job_of(operation: Operation) -> Job | None:
    """Return the job that an operation executes, None for an operation of another kind."""
    metadata: Any = operation.metadata if operation.kind == _KIND else None
    if metadata is None or isinstance(metadata, UnknownPayload):
        return None
    job: Job = metadata.job
    return job if job.id else None


def stops_gracefully(operation: Operation) -> bool:
    """Tell whether a cancel lets the program of a job end by itself, so that forcing it is an act of its own."""
    job = job_of(operation)
    return job is not None and job.job_parameters.HasField("graceful_shutdown_parameters")


def has_stopped(operation: Operation, *, graceful: bool) -> bool:
    """Tell whether the program of a job ended as it was asked to, though the job was not cancelled.

    Args:
        operation: What has ended after it was to be cancelled.
        graceful: Whether it was asked to stop by itself, however it was started.
    """
    if job_of(operation) is None:
        return False
    failure = operation.failure
    by_signal = failure is not None and failure.code is not None and (failure.code > 128 or failure.code < 0)
    return by_signal or graceful or stops_gracefully(operation)
