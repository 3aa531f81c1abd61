"""Which operations are kept: those that are done are removed by age and by count, the others never."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_ops_magic.local.errors import Damaged
from ds_ops_magic.local.results import short_repr
from ds_ops_magic.util.public_names import PickledByName

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.local.store import Row, Store

_DAY = 86_400 * 10**9
_MAX_DAYS = 1e6
_HOUR = 3_600 * 10**9
_WRITE_TIMEOUT = 0.25  # seconds to wait for another process that is writing; the next time will do
_INSERTS = 500  # new operations of this process, after which it prunes again


@dataclass(frozen=True)
class Retention(PickledByName):
    """Which of the operations that are done are kept.

    Attributes:
        days: Days after its end that an operation is kept; None: for ever.
        count: How many of the newest operations are kept, whatever their age; None: all. A process prunes again after
            500 new ones, so that there may be more of them for a while.

    Raises:
        ValueError: One of them is below 0, or not a number; or the count is not a whole one.
    """

    days: float | None = 30.0
    count: int | None = 10_000

    def __post_init__(self) -> None:
        if self.days is not None and not _is_amount(self.days, (int, float)):
            raise ValueError(f"days is a number from 0 on, or None for ever, not {short_repr(self.days)}.")
        if self.count is not None and not _is_amount(self.count, int):
            raise ValueError(f"count is a whole number from 0 on, or None for all, not {short_repr(self.count)}.")


class Pruner:
    """Removes operations from a store that need not be kept. Threads may share it.

    ``write_end`` writes the end of an operation that has ended since it was last read; it gets the row, and the seconds
    to wait for another process that is writing.
    """

    def __init__(
        self, store: Store, retention: Retention, clock: Callable[[], int], write_end: Callable[[Row, float], object]
    ) -> None:
        self._store = store
        self._retention = retention
        self._clock = clock
        self._write_end = write_end
        self._lock = threading.Lock()
        self._inserts = 0
        self._pruned_at = clock()

    def after_insert(self) -> None:
        """Count a new operation, and prune if it is time again."""
        with self._lock:
            self._inserts += 1
            due = self._inserts >= _INSERTS or self._clock() - self._pruned_at >= _HOUR
        if due:
            self.prune()

    def prune(self) -> None:
        """Remove what need not be kept; if the database cannot be written now, the next time will do."""
        with self._lock:
            self._inserts, self._pruned_at = 0, self._clock()
        days, count = self._retention.days, self._retention.count
        oldest = max(0, self._pruned_at - round(min(days if days is not None else _MAX_DAYS, _MAX_DAYS) * _DAY))
        most = -1 if count is None else count
        with contextlib.suppress(sqlite3.Error, Damaged):
            for row in self._store.unfinished(oldest, most):
                with contextlib.suppress(OSError):  # not known now whether its owner is alive
                    self._write_end(row, _WRITE_TIMEOUT)
        with contextlib.suppress(sqlite3.Error):
            self._store.prune(oldest, most, _WRITE_TIMEOUT)


def _is_amount(value: float, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and value >= 0  # which NaN is not
