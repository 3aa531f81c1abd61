"""Jobs and their operations, and how our client says that an operation ended, in the words of the vendor's."""

from __future__ import annotations

from typing import Any

from ds_ops_magic import Operation, OperationCancelled, OperationClient, OperationFailed, ProgramFailed

WAIT = 60.0  # seconds

ENDS: dict[str, dict[str, Any]] = {
    "success": {},
    "exit code 137": {"return_code": 137},
    "failure": {"outcome": "failure"},
    "failing": {"outcome": "failing"},
    "cancelled": {"outcome": "cancelled"},
}
"""Ways to end by oneself, as arguments of a simulation."""


def waited(client: OperationClient, operation: Any) -> Operation | OperationFailed:
    """Return what a wait returns or raises."""
    try:
        return client.wait(operation, WAIT)
    except OperationFailed as error:
        return error


def as_theirs(ours: Operation | OperationFailed) -> dict[str, Any]:
    """Return an outcome as `datasphere`'s client tells of it: by what it raises and what it logs."""
    operation = ours.operation if isinstance(ours, OperationFailed) else ours
    lost = {"lost": list(operation.warnings)}
    if isinstance(ours, ProgramFailed):
        return lost | {"return_code": ours.return_code}
    if isinstance(ours, OperationFailed):
        assert isinstance(ours, OperationCancelled) == (ours.status.code == 1)
        return lost | error_of(ours)
    return lost | {"completed": True}


def error_of(ours: OperationFailed) -> dict[str, Any]:
    return {"code": ours.status.code, "message": ours.status.message}


def job_of(operation: Operation) -> str:
    """Return the id of the job that an operation of the local service runs."""
    return str(operation.metadata.job.id)  # type: ignore[union-attr]
