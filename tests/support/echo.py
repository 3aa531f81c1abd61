"""Operations that repeat a secret in each field that holds text."""

from __future__ import annotations

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo, QuotaFailure
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from tests.support.messages import packed
from tests.support.scripted import message

KINDS = ("running", "failing", "failed", "done", "odd")


def echo(kind: str, operation_id: str, secret: str) -> OperationMessage:
    words = f"the token {secret}, and {secret}{secret}"
    made = message(operation_id, done=kind in ("failed", "done", "odd"), description=words)
    made.created_by = secret
    metadata = ExecuteProjectJobMetadata()
    metadata.progress.message = words
    metadata.job.id = secret
    made.metadata.CopyFrom(packed(metadata))
    unknown = AnyMessage(type_url=f"x/vendor.v1.{secret}", value=ErrorInfo(reason=words).SerializeToString())
    if kind in ("failing", "failed"):
        made.ClearField("response")
        made.error.code = 8
        made.error.message = words
        details = ErrorInfo(reason=words, metadata={secret: secret}), QuotaFailure(violations=[{"description": words}])
        made.error.details.extend([*map(packed, details), unknown])
    elif kind == "odd":
        made.metadata.CopyFrom(unknown)
        made.response.CopyFrom(unknown)
    elif kind == "done":
        made.response.CopyFrom(packed(Project(id=secret, name=words, labels={"token": secret})))
    return made
