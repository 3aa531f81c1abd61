"""What the history keeps of an operation, and which of two snapshots of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.util.text import masked

if TYPE_CHECKING:
    from datetime import datetime

    from ds_ops_magic.model.operation import Operation

FIRST_MOMENT, LAST_MOMENT = -62_135_596_800.0, 253_402_300_799.0
"""The first and the last whole second of the calendar (years 1 to 9999), in seconds since the epoch."""
_SEEN_AGAIN = 60.0  # seconds after which it is written that an operation was seen again, and still stands as it did


class Record(NamedTuple):
    """An operation as the history keeps it: no payload, and no message of an error. Times: seconds since the epoch."""

    endpoint: str  # where it was asked about; empty where only the call that made it was recorded
    id: str
    used_at: float  # when somebody last began to ask about it here
    seen_at: float = 0.0  # when the service last said how it stands; 0 where it never has
    state: str = ""  # `Operation.status_word` then
    done: bool = False
    error: str = ""  # name of the error's code, or the exit code of a program
    kind: str = ""  # full name of the type of its metadata
    description: str = ""
    created_at: float | None = None  # None where the service does not say, as with the next
    changed_at: float | None = None

    def supersedes(self, earlier: Record) -> bool:
        """Tell whether this counts, which was recorded after another; by the service's times, as clocks here differ.

        Done never returns to not done. Otherwise what changed last counts and, where the service does not say when
        that was, what was recorded last.
        """
        if self.done != earlier.done:
            return self.done
        return self.changed_at is None or earlier.changed_at is None or self.changed_at >= earlier.changed_at

    def is_worth_writing(self, earlier: Record) -> bool:
        """Tell whether it says more than an earlier one: progress is not written, but once in a while."""
        now, before = ((one.endpoint, one.state, one.done, one.error, one.kind) for one in (self, earlier))
        # A clock that was ahead is put right at once, and not when it has been passed.
        return now != before or abs(self.seen_at - earlier.seen_at) >= _SEEN_AGAIN


def record_of(endpoint: str, operation_id: str, operation: Operation, *, used_at: float, seen_at: float) -> Record:
    """Make the record of a snapshot; its id is the one asked for, as some answers have none."""
    wrong = operation.failure or operation.error  # an error may show before the end
    return Record(
        endpoint,
        operation_id,
        used_at,
        seen_at,
        operation.status_word,
        operation.done,
        wrong.name if wrong else "",
        operation.kind[:256],
        masked(operation.description[:1024])[:256],  # masked before it is cut: half a token looks like none
        _seconds(operation.created_at),
        _seconds(operation.modified_at),
    )


def _seconds(moment: datetime | None) -> float | None:
    # A float rounds the last microsecond there is, with which some say "never", up into the year 10000.
    return min(moment.timestamp(), LAST_MOMENT) if moment else None
