"""Protobuf messages of operations, made of what a test says."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import FileDesc, FileUploadError, JobResult
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobResponse
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model.operation import Operation

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
UNKNOWN = AnyMessage(type_url="x/vendor.v1.Secret", value=b"123")


def at(seconds: float) -> Timestamp:
    """Make the time so many seconds after `START`."""
    return Timestamp(seconds=int(START.timestamp() + seconds))


def packed(message: Any) -> AnyMessage:
    payload = AnyMessage()
    payload.Pack(message)
    return payload


def error(code: int, message: str = "", *details: Any) -> Status:
    return Status(code=code, message=message, details=[packed(detail) for detail in details])


def operation(**fields: Any) -> Operation:
    return Operation(OperationMessage(**{"id": "op1", **fields}))


def job_response(return_code: int = 0, *lost: FileUploadError, **lost_files: str) -> ExecuteProjectJobResponse:
    """Make the response of a job, with files that were not kept; of `lost_files` the names and the reasons."""
    named = [
        FileUploadError(output_file_desc=FileDesc(path=name), description=reason) for name, reason in lost_files.items()
    ]
    return ExecuteProjectJobResponse(result=JobResult(return_code=return_code), output_files_errors=[*lost, *named])
