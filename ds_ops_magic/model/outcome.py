"""The status of an operation, and how it follows from its message; `responses` has those that tell of a failure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from google.rpc import code_pb2

from ds_ops_magic.model.payload import Payload, decode
from ds_ops_magic.util.public_names import PickledByName, restore

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status as StatusMessage


class Status(enum.Enum):
    """The five states an operation can be in; the value is the word a user reads."""

    RUNNING = "running"
    FAILING = "failing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def done(self) -> bool:
        """Whether nothing more will happen: FAILING has an error and is not done."""
        return self not in (Status.RUNNING, Status.FAILING)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return restore, ("Status", self.value)


@dataclass(frozen=True)
class ErrorStatus(PickledByName):
    """A ``google.rpc.Status``, decoded.

    Attributes:
        code: Number of the code; any number a server sends is kept.
        message: The service's message, as it came: hostile until escaped.
        details: The decoded details, typed where their type is installed.
    """

    code: int
    message: str
    details: tuple[Payload, ...] = field(default=(), hash=False)  # messages have no hash

    @classmethod
    def from_proto(cls, status: StatusMessage) -> ErrorStatus:
        """Decode a ``google.rpc.Status``."""
        details = tuple(found for found in map(decode, status.details) if found is not None)
        return cls(status.code, status.message, details)

    @property
    def name(self) -> str:
        """Name of the code (``RESOURCE_EXHAUSTED``), or ``CODE_99`` for a number that has none."""
        try:
            return str(code_pb2.Code.Name(self.code))
        except ValueError:
            return f"CODE_{self.code}"


@dataclass(frozen=True)
class Failure(PickledByName):
    """Why an operation ended in any way but success.

    Attributes:
        by: Who failed: the ``service``, or the ``program`` that it ran (a job, a cell).
        code: Number of the gRPC code, or the program's exit code; None where a program has none, as a cell.
        name: Name of the code: ``RESOURCE_EXHAUSTED``, ``exit code 137``, ``ERROR``.
        message: The service's message, as it came: hostile until escaped; of a program, what its code means.
    """

    by: Literal["service", "program"]
    code: int | None
    name: str
    message: str = ""

    @classmethod
    def of_service(cls, error: ErrorStatus) -> Failure:
        """Make the failure that an error of the service is."""
        return cls("service", error.code, error.name, error.message)


def status_of(done: bool, error: ErrorStatus | None, failure: Failure | None) -> Status:
    if not done:
        return Status.RUNNING if error is None else Status.FAILING
    if failure is None:
        return Status.SUCCEEDED
    return Status.CANCELLED if error is not None and error.code == code_pb2.CANCELLED else Status.FAILED


def status_word(status: Status, error: ErrorStatus | None) -> str:
    cancelling = status is Status.FAILING and error is not None and error.code == code_pb2.CANCELLED
    return "cancelling" if cancelling else status.value
