"""Outcomes of jobs that could not be written at once (a full disk, another process holds a lock), and are retried.

They belong to the process and not to a service: a job may end after its service was closed, and the next service on the
same file has to know its outcome. A process that is killed loses what it had not written: its jobs end ABORTED.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.local import process_lock as _process_lock  # noqa: F401  its exit function has to run after this one's
from ds_ops_magic.local.errors import DATABASE_ERRORS
from ds_ops_magic.local.store import Row, Store
from ds_ops_magic.util import fork, threads

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ops_magic.local.results import Outcome

WRITE_TIMEOUT = 1.0
"""Seconds that an attempt waits for another process that is writing."""

MIN_PAUSE = 0.1
MAX_PAUSE = 10.0
"""Seconds from one attempt to the next: each pause is twice the one before."""

_LAST_TIMEOUT = 0.1
_THREAD = "ds_ops_magic pending outcomes"


class _Pending(NamedTuple):
    outcome: Outcome
    ended_at: int


class PendingOutcomes:
    """The outcomes that this process has not written yet to one database. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._pending: dict[str, _Pending] = {}
        self._wake = threading.Event()
        self.retrying = False

    def record(self, store: Store, operation_id: str, outcome: Outcome, now: int) -> bool:
        """Write the outcome of a job, or keep it until that succeeds, and return whether it is written.

        The first outcome that is written stays. ``now`` is in nanoseconds since the epoch.
        """
        if not self._pending:  # else the last attempt failed, and each new one would wait as long
            with contextlib.suppress(*DATABASE_ERRORS):
                write_outcome(store, operation_id, outcome, now, WRITE_TIMEOUT)
                return True
        self.add(operation_id, outcome, now)
        return False

    def add(self, operation_id: str, outcome: Outcome, now: int) -> None:
        """Keep an outcome, and have a thread write it."""
        with self._lock:
            self._pending.setdefault(operation_id, _Pending(outcome, now))
        self._start_retrying()

    def apply_to(self, row: Row) -> Row:
        """Return a row as it will be when its outcome is written."""
        pending = self._pending.get(row.id)
        if pending is None or row.done:
            return row
        self._start_retrying()
        return with_outcome(row, pending.outcome, pending.ended_at)

    def write(self, timeout: float = _LAST_TIMEOUT) -> None:
        """Try once to write them; ``timeout``: seconds to wait for another process that is writing."""
        with self._lock:
            pending = dict(self._pending)
        if not pending:
            return
        try:
            with contextlib.closing(Store(self._path, create=False)) as store:
                for operation_id, (outcome, ended_at) in pending.items():
                    write_outcome(store, operation_id, outcome, ended_at, timeout)
                    with self._lock:
                        self._pending.pop(operation_id, None)
        except DATABASE_ERRORS:
            if _is_removed(self._path):
                self.discard()
        if not self._pending:
            self._wake.set()

    def discard(self) -> None:
        with self._lock:
            self._pending.clear()
        self._wake.set()

    def _start_retrying(self) -> None:
        with self._lock:
            if self.retrying or not self._pending:
                return
            self.retrying = True
        try:
            threads.start(threading.Thread(target=self._retry, name=_THREAD, daemon=True))
        except threads.ThreadLimitReached:  # the next request or the next outcome tries again
            self.retrying = False

    def _retry(self) -> None:
        pause = MIN_PAUSE
        while not self._is_finished():
            self._wake.wait(pause)
            pause = min(MAX_PAUSE, 2 * pause)
            self.write(WRITE_TIMEOUT)

    def _is_finished(self) -> bool:
        with self._lock:
            self._wake.clear()
            self.retrying = bool(self._pending)
            return not self.retrying


def for_database(path: Path) -> PendingOutcomes:
    with _lock:
        return _by_database.setdefault(path, PendingOutcomes(path))


def discard(path: Path) -> None:
    """Drop the pending outcomes for a database whose file is about to be removed."""
    with _lock:
        pending = _by_database.pop(path, None)
    if pending is not None:
        pending.discard()


def write_outcome(store: Store, operation_id: str, outcome: Outcome, now: int, timeout: float | None = None) -> None:
    store.update(
        operation_id,
        lambda row: None if row.done else with_outcome(row, outcome, now),
        durable=True,
        timeout=timeout,
    )


def with_outcome(row: Row, outcome: Outcome, now: int) -> Row:
    return row._replace(
        done=True, modified_at=max(now, row.modified_at), error=outcome.error, response=outcome.response
    )


def _is_removed(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return isinstance(error, FileNotFoundError)  # after another error that is not known
    return False


_lock = threading.Lock()
_by_database: dict[Path, PendingOutcomes] = {}


def _after_fork() -> None:
    # The parent writes them.
    global _lock
    _lock = threading.Lock()
    _by_database.clear()


def _at_exit() -> None:
    for pending in list(_by_database.values()):
        pending.write()


fork.register(after_in_child=_after_fork)
atexit.register(_at_exit)
