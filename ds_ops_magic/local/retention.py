"""How long operations are kept: what is over goes by age and by count, what goes on stays."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_ops_magic.local.database import Damaged
from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.local.store import Row, Store

_DAY = 86_400 * 10**9
_EVER = 1e6  # days
_HOUR = 3_600 * 10**9
_PATIENCE = 0.25  # seconds to wait for another process that is writing: the next time does it too
_INSERTS = 500
"""After so many new operations a process looks again for what can go."""


@dataclass(frozen=True)
class Retention(PickledByName):
    """What is kept of the operations that are over.

    Attributes:
        days: Days after its end that an operation is kept; None: for ever.
        count: How many of the newest operations are kept, whatever their age; None: all. A process looks again after
            500 new ones, so that there may be a few more.

    Raises:
        ValueError: One of them is below 0, or not a number; or the count is not a whole one.
    """

    days: float | None = 30.0
    count: int | None = 10_000

    def __post_init__(self) -> None:
        if self.days is not None and not _is_amount(self.days, (int, float)):
            raise ValueError(f"days is a number from 0 on, or None for ever, not {_shown(self.days)}.")
        if self.count is not None and not _is_amount(self.count, int):
            raise ValueError(f"count is a whole number from 0 on, or None for all, not {_shown(self.count)}.")


class Pruning:
    """Removes from a store what need not be kept, now and then. Threads may share it.

    Args:
        store: Where the operations are.
        retention: What is kept.
        clock: Nanoseconds since the epoch.
        settle: Writes down the end of an operation that has ended unseen; gets the seconds to wait for another writer.
    """

    def __init__(
        self, store: Store, retention: Retention, clock: Callable[[], int], settle: Callable[[Row, float], object]
    ) -> None:
        self._store = store
        self._retention = retention
        self._clock = clock
        self._settle = settle
        self._lock = threading.Lock()
        self._inserts = 0
        self._pruned_at = clock()

    def after_insert(self) -> None:
        """Count a new operation, and prune when it is time again."""
        with self._lock:
            self._inserts += 1
            due = self._inserts >= _INSERTS or self._clock() - self._pruned_at >= _HOUR
        if due:
            self.prune()

    def prune(self) -> None:
        """Remove what need not be kept; where the database cannot be written just now, the next time does it."""
        with self._lock:
            self._inserts, self._pruned_at = 0, self._clock()
        days, count = self._retention.days, self._retention.count
        oldest = max(0, self._pruned_at - round(min(days if days is not None else _EVER, _EVER) * _DAY))
        most = -1 if count is None else count
        with contextlib.suppress(sqlite3.Error, Damaged):
            for row in self._store.going(oldest, most):
                with contextlib.suppress(OSError):  # nobody knows just now whether its owner lives
                    self._settle(row, _PATIENCE)
        with contextlib.suppress(sqlite3.Error):
            self._store.prune(oldest, most, _PATIENCE)


def _is_amount(value: float, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and value >= 0  # which NaN is not


def _shown(value: object) -> str:
    return one_line(repr(value), 60)
