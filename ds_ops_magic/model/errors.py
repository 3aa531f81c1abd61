"""The exceptions, and what makes most of them.

`grpc_codes` makes those of a gRPC status, `outcome_errors` those of an operation that has ended, `wait_errors` those of
a wait that ends before, and `group_errors` those of several operations.

* OperationsError
  x NotConnected
  x AuthenticationError
  x PermissionDenied
  x OperationNotFound
  x InvalidOperationId
  x NotAnOperation (also a TypeError)
  x ServiceUnavailable
  x UnreadableAnswer
  * ServiceRefused
    x CancelNotSupported
  * OperationFailed
    x OperationCancelled
    x ProgramFailed
  x OperationsFailed
  x NotCancelled
  x NotWatched (also a KeyError)
  x WaitTimeout (also a TimeoutError)
  x WatchStopped
x WaitInterrupted (a KeyboardInterrupt)
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ds_ops_magic.model.ids import command, first_ids, shown_id
from ds_ops_magic.util.public_names import set_home
from ds_ops_magic.util.text import counted, log_text, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations
    from ds_ops_magic.model.outcome import ErrorStatus

_MAX_STDERR = 20  # lines of a program's stderr that an error shows


class _ShortError(BaseException):
    # What a notebook shows as the lines that it is made of; they are safe to print.

    def __init__(self, *lines: str) -> None:
        # Not super(): an OSError, which WaitTimeout is, would take the lines for errno, strerror and filename.
        BaseException.__init__(self, *lines)
        self._shown = False

    def __str__(self) -> str:
        return "\n".join(str(line) for line in self.args)

    def _render_traceback_(self) -> list[str]:
        if self._shown:  # IPython asks again for %tb, which is to show all of it
            # The errors it was raised from may carry a server's text as it came.
            return printable("".join(traceback.format_exception(self))).splitlines()
        self._shown = True
        return f"{type(self).__name__}: {self}".splitlines()


class OperationsError(_ShortError, Exception):
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


class NotAnOperation(OperationsError, TypeError):
    """What was given stands for no operation, or a collection holds something that does not."""


class ServiceUnavailable(OperationsError):
    """The service has never answered so far; carries gRPC's own message."""


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


class OperationFailed(OperationsError):
    """An operation that was waited for failed.

    Attributes:
        operation: The operation as it ended.
        status: Its error: code, message, decoded details; for ProgramFailed one of code UNKNOWN.
        stderr: The last lines that a job wrote to stderr, safe to print; empty where they were not had.
    """

    operation: Operation
    status: ErrorStatus
    stderr: tuple[str, ...] = ()

    def __str__(self) -> str:
        *said, next_step = map(str, self.args)
        return "\n".join([*said, *(f"    {log_text(line)}" for line in self.stderr[-_MAX_STDERR:]), next_step])


class OperationCancelled(OperationFailed):
    """An operation that was waited for was cancelled."""


class ProgramFailed(OperationFailed):
    """An operation that was waited for ended well for its service, and its program (a job, a cell) did not.

    Attributes:
        return_code: The exit code; None where there is none, as of a cell.
    """

    return_code: int | None = None


class OperationsFailed(OperationsError):
    """Of several operations that were waited for, some failed.

    Attributes:
        operations: All of them as last seen, in the order given.
        errors: What became of those that failed, by id.
    """

    operations: Operations[Operation | None]
    errors: Mapping[str, OperationsError]


class NotCancelled(OperationsError):
    """An operation that was to be cancelled ended by itself before: it succeeded, or its program failed.

    Attributes:
        operation: The operation as it ended.
    """

    operation: Operation


class NotWatched(OperationsError, KeyError):
    """A watch was asked to cancel an operation that it does not follow."""


class WaitTimeout(OperationsError, TimeoutError):
    """The deadline of a wait has passed. Nothing was cancelled.

    Attributes:
        operations: All of them as last seen, finished and not; None for one never seen.
        last_status: gRPC's message for the last call that failed, None when calls are answered.
    """

    operations: Operations[Operation | None]
    last_status: str | None


class WatchStopped(OperationsError):
    """The watching was stopped, or its client closed, while something waited on it. The operations go on."""


class WaitInterrupted(_ShortError, KeyboardInterrupt):
    """A wait was interrupted; the operations go on.

    A KeyboardInterrupt and not an Exception, so that ``except Exception`` in a loop does not eat Stop.
    """


# A traceback, a pickle and help() name the public place.
for _found in list(globals().values()):
    if isinstance(_found, type) and issubclass(_found, _ShortError):
        set_home("ds_ops_magic", _found)


def unreadable(operation_id: str, size: int | None, why: str) -> UnreadableAnswer:
    """Make the error for an answer that cannot be parsed; ``size`` in bytes, None where it is not known."""
    of_size = f" of {counted(size, 'byte')}" if size is not None else ""
    return _bad_answer(operation_id, f"the answer{of_size} cannot be read: {one_line(why)}.")


def another_operation(operation_id: str, answered_id: str) -> UnreadableAnswer:
    return _bad_answer(operation_id, f"the answer is about another operation, {shown_id(answered_id)}.")


def _bad_answer(operation_id: str, message: str) -> UnreadableAnswer:
    shown = shown_id(operation_id)
    return UnreadableAnswer(f"{shown}: {message}", f"The operation itself goes on; try again: %op get {shown}")


def internal_error(operation_id: str, error: BaseException) -> OperationsError:
    """Make the error for a call that failed on this side, by an error that the log has."""
    shown = shown_id(operation_id)
    return OperationsError(
        f"{shown}: it cannot be asked about ({one_line(f'{type(error).__name__}: {error}')}).",
        f"The operation itself goes on; the log of ds_ops_magic has the whole error. Try again: %op get {shown}",
    )


def not_watched(ids: Sequence[str]) -> NotWatched:
    return NotWatched(
        f"This watch does not follow {first_ids(ids)}.", f"To cancel without a watch: {command('cancel', ids)}"
    )


def thread_limit(error: RuntimeError) -> OperationsError:
    return OperationsError(
        f"No thread can be started here ({error}): the process or its user has as many as the system allows.",
        "Operations go on by themselves. End what is not needed (ulimit -u and the container's limit of processes "
        "say how many there may be), then try again.",
    )


def blocking_subscriber() -> OperationsError:
    """Make the error for a subscriber that would block the poller's thread, which it runs on, for ever."""
    return OperationsError(
        "A subscriber runs on the thread that asks about operations, and cannot wait for an answer there.",
        "Have it set a threading.Event, and call get() or wait() where that is waited for.",
    )
