"""What the history keeps of an operation, and which of two snapshots of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.util.text import masked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ds_ops_magic.model.operation import Operation

MOST = 20_000
"""Operations past which the oldest of those that have ended go; what still runs is kept, however many that is."""
FIRST_MOMENT, LAST_MOMENT = -62_135_596_800.0, 253_402_300_799.0
"""The first and the last whole second of the calendar (years 1 to 9999), in seconds since the epoch."""
OLDEST = 90 * 86400.0
"""Seconds after which an operation that nobody has asked about is dropped; see `HistoryFile.prune`."""
_SEEN_AGAIN = 60.0  # seconds after which it is written that an operation was seen again, and still stands as it did


class Record(NamedTuple):
    """An operation as the history keeps it: no payload, and no words of an error.

    Attributes:
        endpoint: Where it was asked about; empty while only its birth was recorded.
        id: What the service calls it.
        used_at: When somebody last began to ask about it here, in seconds since the epoch, as all times here.
        seen_at: When the service last said how it stands; 0 where it never has.
        state: The word for how it stood then; empty where that was never seen.
        done: Whether it had ended.
        error: Name of the error's code; empty where there was none.
        kind: Full name of its metadata's type.
        description: What it was called.
        created_at: When it was created; None where the service does not say.
        changed_at: When it last changed; None where the service does not say.
    """

    endpoint: str
    id: str
    used_at: float
    seen_at: float = 0.0
    state: str = ""
    done: bool = False
    error: str = ""
    kind: str = ""
    description: str = ""
    created_at: float | None = None
    changed_at: float | None = None

    def overtakes(self, held: Record) -> bool:
        """Tell whether this counts, which was told after what is held; by the service's words, as clocks here differ.

        Done never returns to not done. Otherwise what changed last counts and, where the service does not say when
        that was, what was told last.
        """
        if self.done != held.done:
            return self.done
        return self.changed_at is None or held.changed_at is None or self.changed_at >= held.changed_at

    def is_news(self, held: Record) -> bool:
        """Tell whether it is worth writing again: progress is not, but once in a while."""
        told, before = ((one.endpoint, one.state, one.done, one.error, one.kind) for one in (self, held))
        # A clock that was ahead is not believed until it is overtaken.
        return told != before or abs(self.seen_at - held.seen_at) >= _SEEN_AGAIN


def record_of(endpoint: str, name: str, operation: Operation, *, used_at: float, seen_at: float) -> Record:
    """Make the record of a snapshot; its id is the one asked for, as some answers have none."""
    return Record(
        endpoint,
        name,
        used_at,
        seen_at,
        operation.status_word,
        operation.done,
        operation.error.name if operation.error else "",
        operation.kind[:256],
        masked(operation.description[:1024])[:256],  # masked before it is cut: half a token looks like none
        _seconds(operation.created_at),
        _seconds(operation.modified_at),
    )


def kept(records: Iterable[Record]) -> list[Record]:
    """Return what is kept of these: all that run, and of what has ended what was used last."""
    running: list[Record] = []
    ended: list[Record] = []
    for record in records:
        (ended if record.done else running).append(record)
    ended.sort(key=lambda record: record.used_at, reverse=True)
    return running + ended[: max(0, MOST - len(running))]


def _seconds(moment: datetime | None) -> float | None:
    # A float rounds the last microsecond there is, with which some say "never", up into the year 10000.
    return min(moment.timestamp(), LAST_MOMENT) if moment else None
