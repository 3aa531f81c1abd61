"""Errors of every sort, made from words that a test chooses."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.project_service_pb2 import ExecutionStatus, ProjectExecutionResponse
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model import errors, group_errors, grpc_codes, outcome_errors, references, wait_errors
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from tests.support.messages import job_response

# Terminal escapes, a title, one-byte CSI, backspaces, NUL, every sort of line break, overrides of direction.
HOSTILE = "\x1b[2J\x1b]0;t\x07\x9b31m\x08\x00a\r\nb\x0bc\x0cd\x85e\u2028f\u2029g\u202etxt.exe\u2066\u200b{id}%s"
RUNNING = Operation(OperationMessage(id="op2"))


def failed(
    code: int = 8, message: str = "no quota", *details: Any, name: str = "op1", description: str = "train"
) -> Operation:
    found = OperationMessage(id=name, description=description, done=True, error=Status(code=code, message=message))
    for detail in details:
        found.error.details.add().Pack(detail)
    return Operation(found)


def program_failed(code: int | None = 137, name: str = "op1", description: str = "train") -> Operation:
    """Make an operation of a job that returned a code, or without one of a cell that raised."""
    found = OperationMessage(id=name, description=description, done=True)
    found.response.Pack(
        ProjectExecutionResponse(execution_status=ExecutionStatus.ERROR) if code is None else job_response(code)
    )
    return Operation(found)


def group(*names: str) -> errors.OperationsFailed:
    operations: Operations[Operation | None] = Operations([*(failed(name=name) for name in names), RUNNING])
    several = {name: outcome_errors.operation_failed(failed(name=name)) for name in names}
    error = group_errors.group_error(several, operations, len(operations))
    assert isinstance(error, errors.OperationsFailed)
    return error


def refused_id(text: str) -> OperationsError:
    with pytest.raises(errors.InvalidOperationId) as caught:
        references.check_id(text)
    return caught.value


def not_done(text: str) -> OperationsError:
    with pytest.raises(OperationsError) as caught:
        Operation(OperationMessage(id=text)).result()
    return caught.value


def every_error(text: str) -> list[OperationsError | errors.WaitInterrupted]:
    """Make an error of every sort, with the text in every place that a server or a user can fill."""
    codes = [code.name for code in grpc.StatusCode]
    return [
        *(error_for(code, text, text, doing, text) for code in codes for doing in ("wait", "get", "cancel")),
        *(outcome_errors.operation_failed(failed(code, text, name=text, description=text)) for code in (0, 1, 8, 99)),
        outcome_errors.operation_failed(failed(8, text, ErrorInfo(reason=text, metadata={text: text}))),
        outcome_errors.operation_failed(failed(8, text, AnyMessage(type_url=f"x/{text}"))),
        *(outcome_errors.operation_failed(program_failed(code, text)) for code in (1, -9, 137, 2**63 - 1)),
        outcome_errors.operation_failed(program_failed(None, text)),
        outcome_errors.not_cancelled(program_failed(137, text)),
        grpc_codes.unavailable(text, text),
        errors.unreadable(text, 17_000_000, text),
        group(text),
        group_errors.group_error({text: error_for("NOT_FOUND", text, text)}, Operations([None]), 2),
        group_errors.group_error(
            {text + name: outcome_errors.operation_failed(failed(8, text)) for name in "abc"}, Operations(), 3
        ),
        wait_errors.timed_out([text], Operations([None]), 5, text),
        wait_errors.timed_out([text] * 9, Operations([None] * 9), 5, text),
        wait_errors.interrupted([text]),
        wait_errors.interrupted([text] * 9),
        wait_errors.stopped([text]),
        wait_errors.stopped([text] * 9),
        wait_errors.closed(),
        errors.not_watched([text]),
        errors.not_watched([text] * 9),
        outcome_errors.not_cancelled(Operation(OperationMessage(id=text, description=text, done=True))),
        refused_id(text * 60),
        not_done(text),
    ]
