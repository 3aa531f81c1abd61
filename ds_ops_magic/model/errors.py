"""Every exception of the package."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ds_ops_magic.util.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ops_magic.model.operation import ErrorStatus, Operation
    from ds_ops_magic.model.operations import Operations

MAX_ID_LENGTH = 50
"""The most characters an operation id has (``operation_service.proto``: length ``<=50``)."""


class _Brief(BaseException):
    """What shows in a notebook as the few lines that it is made of.

    Args:
        *lines: What is wrong, then what else is known, then what to do next. Already safe to print.
    """

    def __init__(self, *lines: str) -> None:
        # Not super(): an OSError, which WaitTimeout is, would take the lines for errno, strerror and filename.
        BaseException.__init__(self, *lines)
        self._shown = False

    def __str__(self) -> str:
        return "\n".join(str(line) for line in self.args)

    def _render_traceback_(self) -> list[str]:
        """Give IPython the lines to show instead of a traceback; from the second time on (``%tb``) all of it."""
        if self._shown:
            # The errors it was raised from may carry a server's words as they came.
            return printable("".join(traceback.format_exception(self))).splitlines()
        self._shown = True
        return f"{type(self).__name__}: {self}".splitlines()


class OperationsError(_Brief, Exception):
    """Base of everything this package raises; at most three lines that say what is wrong and what to do."""


class NotConnected(OperationsError):
    """No credentials were found; names what was tried, and what each said."""


class AuthenticationError(OperationsError):
    """The credentials were refused or have expired; names the source they came from, never their value."""


class PermissionDenied(OperationsError):
    """The credentials are good, and may not see or cancel this operation."""


class OperationNotFound(OperationsError):
    """The service knows no operation of this id."""


class InvalidOperationId(OperationsError):
    """The id cannot be that of an operation: empty, too long, or refused by the service."""


class ServiceUnavailable(OperationsError):
    """The service has never answered so far; carries gRPC's own words."""


class NotAnOperation(OperationsError, TypeError):
    """What was given stands for no operation, or a collection holds something that does not."""


class UnreadableAnswer(OperationsError):
    """An answer came that cannot be parsed, or that is over the size limit."""


class ServiceRefused(OperationsError):
    """The service answered with a code that asking again does not change.

    Attributes:
        code: Name of the gRPC code, for example ``FAILED_PRECONDITION``.
    """

    code: str = ""


class CancelNotSupported(ServiceRefused):
    """The service does not cancel this operation, which goes on."""


class WatchStopped(OperationsError):
    """The watching was stopped, or its client closed, while something waited on it. The operations go on."""


class NotWatched(OperationsError, KeyError):
    """A watch was asked to cancel an operation that it does not follow."""


class OperationFailed(OperationsError):
    """An operation that was waited for failed.

    Attributes:
        operation: The operation as it ended.
        status: Its error: code, message, decoded details.
    """

    operation: Operation
    status: ErrorStatus


class OperationCancelled(OperationFailed):
    """An operation that was waited for was cancelled."""


class NotCancelled(OperationsError):
    """An operation that was to be cancelled went through all the same.

    Attributes:
        operation: The operation as it ended.
    """

    operation: Operation


class OperationsFailed(OperationsError):
    """Of several operations that were waited for, some failed.

    Attributes:
        operations: All of them as last seen, in the order given.
        errors: What became of those that failed, by id.
    """

    operations: Operations[Operation | None]
    errors: Mapping[str, OperationsError]


class WaitTimeout(OperationsError, TimeoutError):
    """The deadline of a wait has passed. Nothing was cancelled.

    Attributes:
        operations: All of them as last seen, finished and not; None for one never seen.
        last_status: gRPC's words for the last call that failed, None when calls are answered.
    """

    operations: Operations[Operation | None]
    last_status: str | None


class WaitInterrupted(_Brief, KeyboardInterrupt):
    """A wait was interrupted; the operations go on.

    A KeyboardInterrupt and not an Exception, so that ``except Exception`` in a loop does not eat Stop.
    """


def check_id(operation_id: str) -> str:
    """Return an id that may be asked about.

    Raises:
        InvalidOperationId: It is empty, over 50 characters long, or cannot be sent; no call is made for it.
    """
    if not operation_id:
        raise InvalidOperationId("An operation id cannot be empty.", "Name the operation: %op wait ID")
    if len(operation_id) > MAX_ID_LENGTH:
        raise InvalidOperationId(
            f"{one_line(operation_id, 30)!r} is no operation id: it has {len(operation_id):,} characters, "
            f"ids have at most {MAX_ID_LENGTH}.",
            "Give the id alone, for example %op wait bt1k9s3c2nq8r5v7m0fd",
        )
    if any("\ud800" <= character <= "\udfff" for character in operation_id):  # no message can carry a lone surrogate
        raise InvalidOperationId(
            f"{one_line(operation_id)!r} is no operation id: it is not text.",
            "Give the id alone, for example %op wait bt1k9s3c2nq8r5v7m0fd",
        )
    return operation_id
