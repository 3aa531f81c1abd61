"""An operation that somebody follows, and which of two answers about it is newer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ds_ops_magic.polling.health import CALL_TIMEOUT, LONGEST_CALL
from ds_ops_magic.polling.retry import Attempts

if TYPE_CHECKING:
    import asyncio

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.polling.listeners import Reference
    from ds_ops_magic.polling.schedule import Schedule


@dataclass(eq=False, slots=True)
class TrackedOperation:
    """An operation that somebody follows."""

    id: str  # as its listeners know it
    key: str  # by which it is asked about: that of a job where a job's id was taken for an operation's
    since: float  # on the loop's clock: when it was created, as far as that is known
    listeners: list[Reference] = field(default_factory=list)
    data: bytes | None = None  # the last answer, which may have no bytes
    operation: Operation | None = None
    question: asyncio.Task[None] | None = None
    attempts: Attempts = field(default_factory=Attempts)
    deadline: float = field(default_factory=lambda: CALL_TIMEOUT)  # seconds that the next call may take

    def interval(self, schedule: Schedule, age: float, chance: float) -> float:
        """Return the seconds until the next question, by the schedule and by what the listeners know of its kind."""
        plain = schedule.interval(age, chance)
        kind = self.operation.kind if self.operation else ""
        listeners = filter(None, (reference() for reference in self.listeners))
        known = next((one.durations[kind] for one in listeners if kind in one.durations), None)
        return known.interval(age, plain) if known else plain

    def note_answer(self, took: float) -> None:
        self.attempts.note_answer()
        if took < CALL_TIMEOUT:  # else the answers still need the longer deadline
            self.deadline = CALL_TIMEOUT

    def note_timeout(self, given: float) -> None:
        """Give the next call twice the seconds that this one had: the service may be slow."""
        self.deadline = min(LONGEST_CALL, max(self.deadline, 2 * given))


def is_older(new: Operation, last: Operation) -> bool:
    """Tell whether an answer is outdated: done never returns to not done, and the end counts whatever its time."""
    if last.done != new.done:
        return last.done
    if new.modified_at is None or last.modified_at is None:
        return False
    return new.modified_at < last.modified_at
