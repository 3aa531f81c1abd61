"""What a row says about time: how far an operation is, how long it has taken, and how much is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.model.outcome import Status
from ds_ops_magic.util.text import duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ds_ops_magic.model.estimates import Durations
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.view import Entry


def note_of(entry: Entry, now: datetime, durations: Mapping[str, Durations], watched_for: float) -> str:
    """Word how far an operation is, how long it has taken, and how much is left where that can be told.

    Args:
        entry: What the watch knows about it.
        now: The time now, aware.
        durations: How long operations take, by kind.
        watched_for: Seconds since the watch was made.
    """
    operation = entry.operation
    if operation is None:
        return ""
    time = _time(operation, now, watched_for)
    if operation.done:
        return f"{'in' if operation.status is Status.SUCCEEDED else 'after'} {time}" if time else ""
    if entry.cancel_error is not None:
        return " · ".join(filter(None, (entry.cancel_error.args[0], time)))
    if operation.status is Status.FAILING:
        return "error reported, still stopping" if operation.status_word == "failing" else "stopping"
    left = _left(operation, now) or _usual(operation, now, durations)
    return " · ".join(part for part in (operation.progress.text, time, left) if part)


def _time(operation: Operation, now: datetime, watched_for: float) -> str:
    """Word how long it has taken; of one whose service does not say when it began, how long it was watched."""
    taken = operation.elapsed_at(now)
    if taken is not None:
        return duration(taken, ticking=not operation.done)
    watched = not operation.done and watched_for >= 1.0
    return f"watched for {duration(watched_for, ticking=True)}" if watched else ""


def _left(operation: Operation, now: datetime) -> str:
    """Word the time left at the pace so far; nothing while there is too little to go by."""
    fraction, seen = operation.progress.fraction, operation.modified_at or now
    pace = operation.elapsed_at(seen)  # the fraction is as old as the snapshot
    if not fraction or not pace or not 0.05 <= fraction < 1.0 or pace < 5.0:
        return ""
    left = pace * (1.0 - fraction) / fraction - (now - seen).total_seconds()
    return f"about {duration(left, ticking=True)} left" if left >= 1.0 else ""


def _usual(operation: Operation, now: datetime, durations: Mapping[str, Durations]) -> str:
    """Word how long its kind usually takes, given how long it has taken; nothing where that is not known."""
    taken = operation.elapsed_at(now)
    return durations[operation.kind].describe(taken) if taken is not None and operation.kind in durations else ""
