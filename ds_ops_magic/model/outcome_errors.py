"""What makes the error of one operation that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import NotCancelled, OperationCancelled, OperationFailed, ProgramFailed
from ds_ops_magic.model.ids import shown_id
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.outcome import ErrorStatus, Failure

# `outcome` and `payload` import protobuf, and this module is loaded with the magics: they are imported where needed.


def operation_failed(operation: Operation) -> OperationFailed:
    """Make the error of an operation that failed, was cancelled, or is failing; ValueError where it has none."""
    if operation.error is not None:
        return _service_failed(operation, operation.error)
    if operation.failure is not None:
        return _program_failed(operation, operation.failure)
    raise ValueError(f"{operation!r} has no error")


def _service_failed(operation: Operation, status: ErrorStatus) -> OperationFailed:
    from ds_ops_magic.model.payload import to_line

    kind, ended = (OperationCancelled, "was cancelled") if status.name == "CANCELLED" else (OperationFailed, "failed")
    message = ": ".join(filter(None, (status.name, one_line(status.message))))
    detail = f" ({to_line(status.details[0])})" if status.details else ""
    error = kind(
        f"Operation {_named(operation)} {ended}.", message + detail, f"Its details: %op get {shown_id(operation.id)}"
    )
    error.operation, error.status = operation, status
    return error


def _program_failed(operation: Operation, failure: Failure) -> ProgramFailed:
    from ds_ops_magic.model.outcome import ErrorStatus

    shown, message = shown_id(operation.id), _program_message(failure)
    has_log = failure.code is not None  # a cell has no exit code, and no log that could be asked for
    error = ProgramFailed(
        f"Operation {_named(operation)} failed.",
        message,
        f"Its log: %op logs {shown} --stderr" if has_log else f"Its details: %op get {shown}",
    )
    error.operation, error.return_code = operation, failure.code
    error.status = ErrorStatus(_UNKNOWN, message)
    return error


def not_cancelled(operation: Operation) -> NotCancelled:
    """Make the error for an operation that succeeded, or whose program failed, before it could be cancelled."""
    shown, failure = shown_id(operation.id), operation.failure
    ended = "it succeeded before"
    if failure is not None and failure.by == "program":
        ended = f"it had ended, and {_program_message(failure)}"
    error = NotCancelled(f"Operation {shown} was not cancelled: {ended}.", f"Its result: %op get {shown}")
    error.operation = operation
    return error


def _program_message(failure: Failure) -> str:
    if failure.code is None:
        return failure.message
    return ": ".join(filter(None, (f"its program returned {failure.code}", failure.message)))


def _named(operation: Operation) -> str:
    title = tidy(operation.title, 80)
    return shown_id(operation.id) + ("" if title == tidy(operation.id, 80) else f" ({title})")


_UNKNOWN = 2  # of `google.rpc.Code`, which importing would be felt
