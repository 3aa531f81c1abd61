"""Every exception of the package."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ds_ops_magic.util.text import counted, duration, one_line, printable, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


FAILED, NOT_ASKED, NOT_CANCELLED = "failed", "could not be asked about", "could not be cancelled"
"""What became of those of a group that have an error, by what was done: waiting, asking, cancelling."""


def unavailable(words: str, endpoint: str) -> ServiceUnavailable:
    """Make the error for a service that has never answered; ``words`` are gRPC's own."""
    if "WRONG_VERSION_NUMBER" in words:  # OpenSSL's name for an answer that is no TLS
        return ServiceUnavailable(
            f"No answer from {tidy(endpoint, 100)} over TLS: what answers there speaks plaintext.",
            "Plaintext is for this host alone, loopback and unix sockets: anyone on the way could read the token.",
            "Give that service a certificate, or bring its port here by an SSH tunnel and connect to that.",
        )
    if is_about_certificate(words):
        return ServiceUnavailable(
            f"T{not_for_that_name(endpoint)[1:]}.",
            "Nothing was sent there: whoever answers has not shown to be that service.",
            "Connect by a name or an address that it is for, or have it made again with this one. Operations go on.",
        )
    return ServiceUnavailable(
        f"No answer from {tidy(endpoint, 100)}.",
        one_line(words) or "it stayed silent",
        "Check the address, TLS and the network, then %op connect again. Operations go on by themselves.",
    )


def not_for_that_name(endpoint: str) -> str:
    """Say what is wrong with the certificate of a server."""
    shown = tidy(endpoint, 100)
    return f"the certificate at {shown} is not for that name: it has to be in there as a subjectAltName"


def no_service(refused: ServiceRefused, endpoint: str) -> ServiceRefused:
    """Make the error for what refuses the first question at an address: there is no operation to speak of yet."""
    error = ServiceRefused(
        f"{tidy(endpoint, 100)} does not answer as an OperationService.",
        *refused.args[1:2],
        "Connect to the endpoint of one: %op connect ENDPOINT",
    )
    error.code = refused.code
    return error


def unreadable(operation_id: str, size: int | None, why: str) -> UnreadableAnswer:
    """Make the error for an answer that cannot be read; ``size`` in bytes, None where it is not known."""
    weight = f" of {counted(size, 'byte')}" if size is not None else ""
    name = tidy(operation_id, MAX_ID_LENGTH)
    return UnreadableAnswer(
        f"{name}: the answer{weight} cannot be read: {one_line(why)}.",
        f"The operation itself goes on; try again: %op get {name}",
    )


def another_operation(operation_id: str, answered: str) -> UnreadableAnswer:
    """Make the error for an answer that is about another operation than the one that was asked about."""
    name = tidy(operation_id, MAX_ID_LENGTH)
    return UnreadableAnswer(
        f"{name}: the answer is about another operation, {tidy(answered, MAX_ID_LENGTH)}.",
        f"The operation itself goes on; try again: %op get {name}",
    )


def fault(operation_id: str, error: BaseException) -> OperationsError:
    """Make the error for a question that failed on this side, by code that is not of the poller."""
    name = tidy(operation_id, MAX_ID_LENGTH)
    return OperationsError(
        f"{name}: it cannot be asked about ({one_line(f'{type(error).__name__}: {error}')}).",
        f"The operation itself goes on; the log of ds_ops_magic has the whole error. Try again: %op get {name}",
    )


def operation_failed(operation: Operation) -> OperationFailed:
    """Make the error of an operation that failed or was cancelled.

    Raises:
        ValueError: The operation has no error.
    """
    from ds_ops_magic.model.payload import in_words  # it imports protobuf, and this module is loaded with the magics

    status = operation.error
    if status is None:
        raise ValueError(f"{operation!r} has no error")
    cancelled = status.name == "CANCELLED"
    kind = OperationCancelled if cancelled else OperationFailed
    name = tidy(operation.id, MAX_ID_LENGTH)
    title = tidy(operation.title, 80)
    title = "" if title == tidy(operation.id, 80) else f" ({title})"
    said = ": ".join(filter(None, (status.name, one_line(status.message))))
    said += f" ({in_words(status.details[0])})" if status.details else ""
    error = kind(
        f"Operation {name}{title} {'was cancelled' if cancelled else 'failed'}.",
        said,
        f"Its details: %op get {name}",
    )
    error.operation, error.status = operation, status
    return error


def not_cancelled(operation: Operation) -> NotCancelled:
    """Make the error of an operation that was to be cancelled and succeeded."""
    name = tidy(operation.id, MAX_ID_LENGTH)
    error = NotCancelled(f"Operation {name} was not cancelled: it succeeded before.", f"Its result: %op get {name}")
    error.operation = operation
    return error


def operations_failed(
    operations: Operations[Operation | None], errors: Mapping[str, OperationsError], total: int, what: str = FAILED
) -> OperationsFailed:
    """Make the error of a group of which some failed; names the first three. Arguments as of `group_error`."""
    named = [_named(operation_id, error) for operation_id, error in list(errors.items())[:3]]
    more = f"; and {len(errors) - 3:,} more" if len(errors) > 3 else ""
    option = "; --no-raise returns instead of raising" if what == FAILED else ""  # the other commands have none
    error = OperationsFailed(
        f"{len(errors):,} of {counted(total)} {what}.",
        "; ".join(named) + more,
        f"All of them are in .operations, the errors by id in .errors{option}.",
    )
    error.operations, error.errors = operations, errors
    return error


def group_error(
    errors: Mapping[str, OperationsError], operations: Operations[Operation | None], total: int, what: str = FAILED
) -> OperationsError:
    """Choose what to raise for a group: the error of one that is alone, the cause when all share one, else the group's.

    A watching that was stopped is raised as such: how the rest would have ended is not known, so no count is true.

    Args:
        errors: What became of those that failed, by id; at least one.
        operations: All as last seen, in the order given.
        total: Number of operations.
        what: What became of those that have an error.
    """
    for error in errors.values():
        if isinstance(error, WatchStopped):
            return error
    first = next(iter(errors.values()))
    causes = {type(error) for error in errors.values()}
    shared = len(errors) == total and causes <= {ServiceUnavailable, AuthenticationError}
    if total == 1 or (shared and len(causes) == 1):
        return first
    return operations_failed(operations, errors, total, what)


def _named(operation_id: str, error: OperationsError) -> str:
    said = str(error.args[1 if isinstance(error, OperationFailed) else 0])
    return f"{tidy(operation_id, MAX_ID_LENGTH)}: {tidy(said, 100)}"


def timed_out(
    unfinished: Sequence[str], operations: Operations[Operation | None], timeout: float, last_status: str | None
) -> WaitTimeout:
    """Make the error of a wait whose deadline has passed.

    Args:
        unfinished: Ids of those that have not ended.
        operations: All as last seen, in the order given.
        timeout: What the wait was given, in seconds.
        last_status: gRPC's words for the last call that failed, None when calls are answered.
    """
    tried = f"Stopped waiting after {duration(timeout)}" if timeout else "Asked once"
    error = WaitTimeout(
        f"{tried}: {_of(len(unfinished), len(operations))} not done. Nothing was cancelled.",
        *([f"The service does not answer: {one_line(last_status)}"] if last_status else []),
        f"To go on waiting: {_command('wait', unfinished)}",
    )
    error.operations, error.last_status = operations, last_status
    return error


def interrupted(ids: Sequence[str]) -> WaitInterrupted:
    """Make the interrupt of a wait for these ids that had not ended."""
    if not ids:
        return WaitInterrupted("Stopped waiting; every operation had already ended.")
    return WaitInterrupted(
        f"Stopped waiting; {_goes_on(len(ids))}.",
        f"To go on waiting: {_command('wait', ids)}",
        f"To cancel: {_command('cancel', ids)}",
    )


def _of(some: int, total: int) -> str:
    return "the operation is" if total == 1 else f"{some:,} of {counted(total)} are"


def _goes_on(number: int) -> str:
    return "the operation goes on" if number == 1 else f"{counted(number)} go on"


def _command(verb: str, ids: Sequence[str]) -> str:
    """Word a command that can be typed as it stands; for many ids, say what to type."""
    if 0 < len(ids) <= 3:
        return f"%op {verb} {' '.join(tidy(name, MAX_ID_LENGTH) for name in ids)}"
    return f"%op {verb} with their ids or a variable that holds them"


def stopped(ids: Sequence[str]) -> WatchStopped:
    """Make the error for what still waits when the watching is stopped; the ids are of those that have not ended."""
    goes_on = _goes_on(len(ids)) if ids else "the operations go on"
    return WatchStopped(
        f"The watching was stopped before the end; {goes_on}.", f"To go on waiting: {_command('wait', ids)}"
    )


def not_watched(ids: Sequence[str]) -> NotWatched:
    """Make the error for operations that were to be cancelled through a watch which does not follow them."""
    named = ", ".join(tidy(name, MAX_ID_LENGTH) for name in ids[:3])
    more = f" and {len(ids) - 3:,} more" if len(ids) > 3 else ""
    return NotWatched(
        f"This watch does not follow {named}{more}.", f"To cancel without a watch: {_command('cancel', ids)}"
    )


def closed() -> WatchStopped:
    """Make the error for what is asked of a client that was closed, or still waits on it."""
    return WatchStopped(
        "This client is closed; the operations go on.",
        "connect() makes another, and so does %op connect in a notebook.",
    )


def thread_ended(ids: Sequence[str] = ()) -> WatchStopped:
    """Make the error for what still waits when the poller's thread has ended by an error; the log has that one."""
    goes_on = _goes_on(len(ids)) if ids else "the operations go on"
    return WatchStopped(
        f"The thread that asks about operations has ended unexpectedly; {goes_on}. The log of ds_ops_magic says why.",
        f"To go on waiting, with a new one: {_command('wait', ids)}",
    )


def thread_limit(error: RuntimeError) -> OperationsError:
    """Make the error for a thread that the system did not let start; ``error`` says so in Python's own words."""
    return OperationsError(
        f"No thread can be started here ({error}): the process or its user has as many as the system allows.",
        "Operations go on by themselves. End what is not needed (ulimit -u and the container's limit of processes "
        "say how many there may be), then try again.",
    )


def blocking_subscriber() -> OperationsError:
    """Make the error for a subscriber that would wait for what only the thread that called it can bring."""
    return OperationsError(
        "A subscriber runs on the thread that asks about operations, and cannot wait for an answer there.",
        "Have it set a threading.Event, and call get() or wait() where that is waited for.",
    )


_OTHER_NAME = ("call host does not match SSL server name", "Hostname Verification Check failed")


def is_about_certificate(words: str) -> bool:
    """Tell whether these are gRPC's words for a certificate that is for another name than the server's address."""
    return any(said in words for said in _OTHER_NAME)
