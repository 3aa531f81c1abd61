"""What the poller keeps of an operation that somebody follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ds_ops_magic.model.grpc_codes import OnGet, meaning_of
from ds_ops_magic.polling.calls import is_over_the_limit
from ds_ops_magic.polling.health import CALL_TIMEOUT, LONGEST_CALL

if TYPE_CHECKING:
    import asyncio

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.polling.calls import CallFailed
    from ds_ops_magic.polling.listeners import Reference
    from ds_ops_magic.polling.schedule import Schedule

_AGAIN_AFTER_UNKNOWN = 3


@dataclass(eq=False)
class TrackedOperation:
    """An operation that somebody follows."""

    id: str
    since: float  # on the loop's clock: when it was created, as far as that is known
    listeners: list[Reference] = field(default_factory=list)
    raw: bytes | None = None  # an answer may have no bytes
    operation: Operation | None = None
    question: asyncio.Task[None] | None = None
    failures: int = 0
    unknown: int = 0
    unreadable: int = 0
    refreshed: bool = False
    deadline: float = field(default_factory=lambda: CALL_TIMEOUT)  # seconds that the next call may take

    def interval(self, schedule: Schedule, age: float, chance: float) -> float:
        """Return the seconds until the next question, by the schedule and by what the listeners know of its kind."""
        plain = schedule.interval(age, chance)
        kind = self.operation.kind if self.operation else ""
        listeners = filter(None, (reference() for reference in self.listeners))
        known = next((one.durations[kind] for one in listeners if kind in one.durations), None)
        return known.interval(age, plain) if known else plain

    def note_answer(self, took: float) -> None:
        """Forget what went wrong before: from now on it counts anew.

        Args:
            took: Seconds until the answer came; as long as answers need more than a call has at first, they get it.
        """
        self.failures = self.unknown = 0
        self.refreshed = False
        if took < CALL_TIMEOUT:
            self.deadline = CALL_TIMEOUT

    def note_too_late(self, given: float) -> None:
        """Give the next call twice the seconds in which this one was not answered: a slow service is heard too."""
        self.deadline = min(LONGEST_CALL, max(self.deadline, 2 * given))

    def step_after(self, failed: CallFailed) -> OnGet:
        """Tell what to do after a call that brought no answer: UNKNOWN is believed the fourth time."""
        step = meaning_of(failed.code).get
        if step is OnGet.RETRY_LIMITED:
            self.unknown += 1
            return OnGet.RETRY if self.unknown <= _AGAIN_AFTER_UNKNOWN else OnGet.FAIL
        if is_over_the_limit(failed) or (step is OnGet.REFRESH and self.refreshed):
            return OnGet.FAIL
        return step


def is_older(new: Operation, held: Operation) -> bool:
    """Tell whether an answer was overtaken: done never returns to not done, and the end counts whatever its time."""
    if held.done != new.done:
        return held.done
    if new.modified_at is None or held.modified_at is None:
        return False
    return new.modified_at < held.modified_at
