"""What makes the error of a wait that ends before its operations do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import WaitInterrupted, WaitTimeout, WatchStopped
from ds_ops_magic.model.ids import command, go_on
from ds_ops_magic.util.text import counted, duration, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations


def timed_out(
    unfinished: Sequence[str], operations: Operations[Operation | None], timeout: float, last_status: str | None
) -> WaitTimeout:
    """Make the error of a wait whose deadline has passed; ``timeout`` in seconds."""
    tried = f"Stopped waiting after {duration(timeout)}" if timeout else "Asked once"
    some = f"{len(unfinished):,} of {counted(len(operations))} are" if len(operations) > 1 else "the operation is"
    error = WaitTimeout(
        f"{tried}: {some} not done. Nothing was cancelled.",
        *([f"The service does not answer: {one_line(last_status)}"] if last_status else []),
        f"To go on waiting: {command('wait', unfinished)}",
    )
    error.operations, error.last_status = operations, last_status
    return error


def interrupted(unfinished: Sequence[str]) -> WaitInterrupted:
    if not unfinished:
        return WaitInterrupted("Stopped waiting; every operation had already ended.")
    return WaitInterrupted(
        f"Stopped waiting; {go_on(unfinished)}.",
        f"To go on waiting: {command('wait', unfinished)}",
        f"To cancel: {command('cancel', unfinished)}",
    )


def stopped(unfinished: Sequence[str]) -> WatchStopped:
    return WatchStopped(
        f"The watching was stopped before the end; {go_on(unfinished)}.",
        f"To go on waiting: {command('wait', unfinished)}",
    )


def closed() -> WatchStopped:
    """Make the error for every call to a closed client, those that still wait included."""
    return WatchStopped(
        "This client is closed; the operations go on.",
        "connect() makes another, and so does %op connect in a notebook.",
    )


def thread_ended(unfinished: Sequence[str] = ()) -> WatchStopped:
    """Make the error for every wait when the poller's thread has ended by an error, which the log has."""
    return WatchStopped(
        f"The thread that asks about operations has ended unexpectedly; {go_on(unfinished)}. "
        "The log of ds_ops_magic says why.",
        f"To go on waiting, with a new one: {command('wait', unfinished)}",
    )
