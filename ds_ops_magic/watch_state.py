"""What a Watch knows: an entry for each operation, and counts of them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ds_ops_magic.model import errors
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.view import Entry, Update
from ds_ops_magic.model.waiting import ReturnWhen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from ds_ops_magic.model.operation import Operation

_LEAST_ENDED = 10  # for a rate
_LEAST_SECONDS = 5.0  # for a rate


class WatchState:
    """The entries of a Watch, which holds a lock around every use.

    Attributes:
        entries: By id, in the order given.
        ended: How many have ended.
        seen: How many were answered about, or have ended.
    """

    def __init__(self, ids: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.entries = {operation_id: Entry(operation_id) for operation_id in ids}
        self.ended = self.seen = self._failed = self._reached = 0
        self._taken: set[str] = set()  # by take_failed
        self._clock = clock
        self._since = clock()
        self._all_seen_at: float | None = None
        self._ended_before = 0  # those that had ended by then

    @property
    def all_ended(self) -> bool:
        return self.ended == len(self.entries)

    @property
    def all_seen(self) -> bool:
        return self.seen == len(self.entries)

    @property
    def watched_for(self) -> float:
        return self._clock() - self._since

    @property
    def throughput(self) -> float:
        """How many end a second, since each was seen: those that had ended before do not count. 0 for too few."""
        if self._all_seen_at is None:
            return 0.0
        ended, lasted = self.ended - self._ended_before, self._clock() - self._all_seen_at
        return ended / lasted if ended >= _LEAST_ENDED and lasted >= _LEAST_SECONDS else 0.0

    def apply(self, update: Update) -> Update | None:
        """Take over an update; returns it with the snapshot before, None where it says nothing new."""
        entry = self.entries[update.id]
        if entry.ended:
            return None
        if update.cancel_error is not None:
            new = replace(entry, cancelling=False, cancelling_since=0.0, forced=False, cancel_error=update.cancel_error)
        elif update.error is not None:
            new = replace(entry, error=update.error)
        else:
            new = replace(entry, operation=update.after)
        self.entries[update.id] = new
        self.seen += entry.operation is None and not update.cancel_error
        self.ended += new.ended
        self._failed += new.ended and new.failure is not None
        self._reached += new.ended and new.error is None
        if self._all_seen_at is None and self.all_seen:
            self._all_seen_at, self._ended_before = self._clock(), self.ended
        return Update(update.id, entry.operation, new.operation, update.error, update.cancel_error)

    def note_cancel(self, ids: Collection[str], *, force: bool = False) -> list[str]:
        """Note that a cancel was asked for; return the ids that have not ended. NotWatched, for one, notes nothing."""
        unknown = [operation_id for operation_id in ids if operation_id not in self.entries]
        if unknown:
            raise errors.not_watched(unknown)
        unfinished = [operation_id for operation_id in ids if not self.entries[operation_id].ended]
        for operation_id in unfinished:
            entry = self.entries[operation_id]
            since = entry.cancelling_since if entry.cancelling else self.watched_for
            self.entries[operation_id] = replace(
                entry, cancelling=True, cancelling_since=since, forced=entry.forced or force, cancel_error=None
            )
        return unfinished

    def take_failed(self, return_when: ReturnWhen) -> dict[str, Operation]:
        """Return what the error of a settled wait is about, where a service or a program failed; each once."""
        if not self.is_settled(return_when) or (return_when is ReturnWhen.FIRST and self._reached):
            return {}
        seen = ((key, entry.operation) for key, entry in self.entries.items() if key not in self._taken)
        fresh = {key: one for key, one in seen if one is not None and one.status is Status.FAILED}
        self._taken.update(fresh)
        return fresh

    def note_stderr(self, found: Mapping[str, tuple[str, ...]]) -> None:
        for operation_id, lines in found.items():
            self.entries[operation_id] = replace(self.entries[operation_id], stderr=lines)

    def is_settled(self, return_when: ReturnWhen) -> bool:
        """Tell whether a wait is over."""
        if self.all_ended or (return_when is ReturnWhen.FIRST and self._reached):
            return True
        return return_when is ReturnWhen.FIRST_FAILURE and self._failed > 0

    def failures(self, return_when: ReturnWhen) -> dict[str, errors.OperationsError]:
        """Return the errors that a settled wait ends with, by id; none where FIRST has found one that ended."""
        if return_when is ReturnWhen.FIRST and self._reached:
            return {}
        return {
            operation_id: entry.failure for operation_id, entry in self.entries.items() if entry.failure is not None
        }

    def unfinished(self) -> list[str]:
        return [operation_id for operation_id, entry in self.entries.items() if not entry.ended]
