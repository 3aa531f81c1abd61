"""How the operations of a Watch stand: an entry each, and how many have come how far."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ds_ops_magic.model import errors
from ds_ops_magic.model.view import Change, Entry
from ds_ops_magic.model.waiting import ReturnWhen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.polling.updates import Update

_ENOUGH = 10  # ends that make a pace
_LONG_ENOUGH = 5.0  # seconds that make one


class WatchState:
    """The entries of a Watch, which holds a lock around every use.

    Args:
        ids: The operations, in the order given; an id may stand more than once.
        clock: Monotonic time in seconds.

    Attributes:
        entries: What is known of each, by id.
        ended: How many have ended.
        seen: How many were answered about, or have ended.
    """

    def __init__(self, ids: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.entries = {name: Entry(name) for name in ids}
        self.ended = self.seen = self._failed = self._reached = 0
        self._clock = clock
        self._since = clock()
        self._all_seen_at: float | None = None
        self._ended_before = 0  # those that had ended by then

    @property
    def all_ended(self) -> bool:
        """Whether nothing more will be learned."""
        return self.ended == len(self.entries)

    @property
    def all_seen(self) -> bool:
        """Whether each was answered about, or has ended."""
        return self.seen == len(self.entries)

    @property
    def watched_for(self) -> float:
        """Seconds since this was made."""
        return self._clock() - self._since

    @property
    def pace(self) -> float:
        """How many end a second; 0 while there is too little to go by.

        Of thousands the first round of questions takes a while, and tells what had ended before: it does not count.
        """
        if self._all_seen_at is None:
            return 0.0
        ended, lasted = self.ended - self._ended_before, self._clock() - self._all_seen_at
        return ended / lasted if ended >= _ENOUGH and lasted >= _LONG_ENOUGH else 0.0

    def apply(self, report: Update) -> Change | None:
        """Take over one report; None where it says nothing new about the operation."""
        entry = self.entries[report.id]
        if entry.ended:
            return None
        if report.cancel_error is not None:
            new = replace(entry, cancelling=False, cancel_error=report.cancel_error)
        elif report.error is not None:
            new = replace(entry, error=report.error)
        else:
            new = replace(entry, operation=report.operation)
        self.entries[report.id] = new
        self.seen += entry.operation is None and not report.cancel_error
        self.ended += new.ended
        self._failed += new.ended and new.failure is not None
        self._reached += new.ended and new.error is None
        if self._all_seen_at is None and self.all_seen:
            self._all_seen_at, self._ended_before = self._clock(), self.ended
        return Change(report.id, entry.operation, new.operation, report.error, report.cancel_error)

    def cancelling(self, ids: Collection[str]) -> list[str]:
        """Note that a cancel was asked for; return those of the ids that have not ended.

        Raises:
            NotWatched: An id is not watched here; then nothing is noted.
        """
        strange = [name for name in ids if name not in self.entries]
        if strange:
            raise errors.not_watched(strange)
        wanted = [name for name in ids if not self.entries[name].ended]
        for name in wanted:
            self.entries[name] = replace(self.entries[name], cancelling=True, cancel_error=None)
        return wanted

    def is_settled(self, return_when: ReturnWhen) -> bool:
        """Tell whether a wait has what it waits for."""
        if self.all_ended or (return_when is ReturnWhen.FIRST and self._reached):
            return True
        return return_when is ReturnWhen.FIRST_FAILURE and self._failed > 0

    def failures(self, return_when: ReturnWhen) -> dict[str, OperationsError]:
        """Return what a wait that is settled ends with, by id; nothing where FIRST has found one that ended."""
        if return_when is ReturnWhen.FIRST and self._reached:
            return {}
        return {name: entry.failure for name, entry in self.entries.items() if entry.failure is not None}

    def unfinished(self) -> list[str]:
        """Return the ids of those that have not ended."""
        return [name for name, entry in self.entries.items() if not entry.ended]
