"""Ends of work that could not be written at once (a full disk, a lock that another process holds): kept until they are.

They belong to the process and not to a service: work may end after its service was closed, and the next service on the
same file has to know of it. What a process that dies had not written is lost with it, and the work is ABORTED.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.local import owners as _owners  # noqa: F401  its locks go after what is done here at exit
from ds_ops_magic.local.refusals import TROUBLE
from ds_ops_magic.local.store import Row, Store
from ds_ops_magic.util import fork, threads

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ops_magic.local.results import Outcome

PATIENCE = 1.0
"""Seconds that an attempt waits for another process that is writing."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
"""Seconds from one attempt to the next: each pause is twice the one before."""

_LAST_PATIENCE = 0.1
_NAME = "ds_ops_magic ends"


class _Kept(NamedTuple):
    end: Outcome
    at: int


class Ends:
    """The ends that this process knows and has not written yet, of one database. Threads may share it.

    Args:
        path: The database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._wake = threading.Event()
        self.retrying = False

    def record(self, store: Store, operation_id: str, end: Outcome, now: int) -> bool:
        """Write how work ended, or keep it until that can be done; the first end that is written stays.

        Args:
            store: Of this database.
            operation_id: Which work.
            end: How it ended.
            now: When, nanoseconds since the epoch.

        Returns:
            Whether it is written.
        """
        if not self._kept:  # else the file could not be written a moment ago, and each would wait for it in vain
            with contextlib.suppress(*TROUBLE):
                write(store, operation_id, end, now, PATIENCE)
                return True
        self.keep(operation_id, end, now)
        return False

    def keep(self, operation_id: str, end: Outcome, now: int) -> None:
        """Keep how work ended, and have it written from a thread; arguments as of `record`."""
        with self._lock:
            self._kept.setdefault(operation_id, _Kept(end, now))
        self._retry()

    def applied_to(self, row: Row) -> Row:
        """Return a row as it will be when its end is written."""
        kept = self._kept.get(row.id)
        if kept is None or row.done:
            return row
        self._retry()
        return over(row, kept.end, kept.at)

    def write(self, patience: float = _LAST_PATIENCE) -> None:
        """Try once to write them.

        Args:
            patience: Seconds to wait for another process that is writing.
        """
        with self._lock:
            kept = dict(self._kept)
        if not kept:
            return
        try:
            with contextlib.closing(Store(self._path, create=False)) as store:
                for operation_id, (end, at) in kept.items():
                    write(store, operation_id, end, at, patience)
                    with self._lock:
                        self._kept.pop(operation_id, None)
        except TROUBLE:
            if _is_gone(self._path):  # nobody will ask for what was in it
                self.forget()
        if not self._kept:
            self._wake.set()

    def forget(self) -> None:
        """Drop them: the file is removed, or about to be."""
        with self._lock:
            self._kept.clear()
        self._wake.set()

    def _retry(self) -> None:
        with self._lock:
            if self.retrying or not self._kept:
                return
            self.retrying = True
        try:
            threads.start(threading.Thread(target=self._write_all, name=_NAME, daemon=True))
        except threads.ThreadLimitReached:  # the next question or the next end tries again
            self.retrying = False

    def _write_all(self) -> None:
        pause = FIRST_PAUSE
        while not self._is_over():
            self._rest(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
            self.write(PATIENCE)

    def _is_over(self) -> bool:
        with self._lock:
            self._wake.clear()
            self.retrying = bool(self._kept)
            return not self.retrying

    def _rest(self, pause: float) -> None:
        self._wake.wait(pause)


def of(path: Path) -> Ends:
    """Return what this process keeps for a database."""
    with _lock:
        return _of.setdefault(path, Ends(path))


def forget(path: Path) -> None:
    """Drop what is kept for a database whose file is about to be removed."""
    with _lock:
        ends = _of.pop(path, None)
    if ends is not None:
        ends.forget()


def write(store: Store, operation_id: str, end: Outcome, now: int, patience: float | None = None) -> None:
    """Write how work ended; the first end that is written stays."""
    store.update(operation_id, lambda row: None if row.done else over(row, end, now), durable=True, patience=patience)


def over(row: Row, end: Outcome, now: int) -> Row:
    """Return a row as it is after its end."""
    return row._replace(done=True, modified_at=max(now, row.modified_at), error=end.error, response=end.response)


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:  # nobody knows
        return False
    return False


_lock = threading.Lock()
_of: dict[Path, Ends] = {}


def _after_fork() -> None:
    """Leave to the parent what the parent keeps."""
    global _lock
    _lock = threading.Lock()
    _of.clear()


def _at_exit() -> None:
    for ends in list(_of.values()):
        ends.write()


fork.register(after_in_child=_after_fork)
atexit.register(_at_exit)
