"""The thread that a history's file belongs to: takes what is told, and writes it in batches."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.history.file import HistoryFile

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from ds_ops_magic.history.record import Record

_log = logging.getLogger(__name__)
_GATHER = 0.5  # seconds in which what is not urgent is gathered
_AGAIN = 30.0  # seconds before a file that could not be used is tried again
_AT_EXIT = 1.0  # seconds that the end of the process waits

Work = tuple[bool, "Callable[[], None] | None"]  # whether it is urgent; None ends the thread


class HistoryWriter:
    """Keeps records in a file, on a daemon thread that starts with the first work. After a fork the child has its own.

    Args:
        path: The file.
        loaded: Gets all that the file holds, on the thread, whenever it was read.
        clock: Seconds since the epoch.
    """

    _lock: threading.Lock
    _thread: threading.Thread | None
    _queue: queue.SimpleQueue[Work]
    _file: HistoryFile | None
    _late: bool  # whether a caller has waited in vain: no other should, before it has caught up

    def __init__(self, path: Path, loaded: Callable[[list[Record]], None], clock: Callable[[], float]) -> None:
        self._path = path
        self._loaded = loaded
        self._clock = clock
        self._complaint = ""
        self._complained = False
        self._records: dict[tuple[str, str], Record] = {}  # what is not written yet
        self._forgotten: set[tuple[str, str]] = set()
        self._start_afresh()
        _writers.add(self)

    def tell(self, work: Callable[[], None], *, urgent: bool = True) -> None:
        """Run work on the thread, soon or, if it is not urgent, with more of its kind. Returns at once."""
        if _exiting:  # no thread can be started any more
            return
        with self._lock:
            self._start()
            self._queue.put((urgent, work))

    def keep(self, record: Record) -> None:
        """Have a record written. Only on the thread."""
        self._records[record.endpoint, record.id] = record

    def forget(self, endpoint: str, operation_id: str) -> None:
        """Have an operation dropped that was never seen. Only on the thread."""
        self._records.pop((endpoint, operation_id), None)
        self._forgotten.add((endpoint, operation_id))

    def prune(self, kept: Container[tuple[str, str]]) -> None:
        """Have the file pruned, and read again; what is not written yet only if it is kept. Only on the thread."""
        self._records = {place: record for place, record in self._records.items() if place in kept}
        self._prune = True

    @property
    def has_read(self) -> bool:
        """Whether the file was read, or turned out not to be readable."""
        return self._read.is_set()

    def wait_until_read(self, timeout: float) -> None:
        """Wait until the file was read, for so many seconds at most; not again where that was in vain."""
        if not self._late and not self._read.wait(timeout):
            self._late = True

    def look(self) -> None:
        """Read what others have written, soon. Returns at once."""
        self.tell(self._want_to_look)

    def flush(self, timeout: float) -> bool:
        """Wait until what was told is written; False when it cannot be, or was not in so many seconds."""
        return self._wait_for(lambda: None, timeout)

    def refresh(self, timeout: float) -> bool:
        """Read what others have written; otherwise like `flush`."""
        return self._wait_for(self._want_to_look, timeout)

    def close(self, timeout: float) -> None:
        """Write what was told, close the file and end the thread. Waits for so many seconds at most."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put((True, None))
        if thread is not None:
            thread.join(0.0 if self._late else timeout)

    def take_complaint(self) -> str:
        """Return why the file cannot be used; once."""
        if not self._complaint or self._complained:
            return ""
        self._complained = True
        return self._complaint

    def leave_to_parent(self) -> None:
        """Note in a forked child that the thread has stayed in the parent, which writes what was told before."""
        # Neither used nor closed here: both can damage the file (sqlite.org/howtocorrupt.html, 2.6).
        _left_to_parent.append(self._file)
        self._records, self._forgotten = {}, set()
        self._start_afresh()

    def _start(self) -> None:
        if self._thread is None:
            self._queue = queue.SimpleQueue()
            self._thread = threading.Thread(
                target=self._main, args=(self._queue,), name="ds_ops_magic history", daemon=True
            )
            self._thread.start()

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._thread = self._file = None
        self._read = threading.Event()
        self._late = False
        self._prune = True
        self._look = False
        self._again_at = 0.0
        self._waiting: list[Callable[[bool], None]] = []

    def _wait_for(self, work: Callable[[], None], timeout: float) -> bool:
        written: list[bool] = []
        answered = threading.Event()

        def answer(well: bool) -> None:
            written.append(well)
            answered.set()

        def wait() -> None:
            work()
            self._waiting.append(answer)

        self.tell(wait)
        if _exiting:
            return False
        if not answered.wait(0.0 if self._late else timeout):
            self._late = True
        return bool(written) and written[0]

    # Everything below runs on the thread.

    def _main(self, works: queue.SimpleQueue[Work]) -> None:
        self._again_at = 0.0
        self._synchronize()
        self._read.set()
        closing = False
        while not closing:
            for _, work in self._batch(works):
                closing = closing or work is None
                if work is not None:
                    self._do(work)
            self._synchronize()
            self._late = False
            waiting, self._waiting = self._waiting, []
            for answer in waiting:
                answer(self._file is not None and not self._has_work())
        self._close()

    def _batch(self, works: queue.SimpleQueue[Work]) -> list[Work]:
        """Wait for work, and take all that there is; what is not urgent is gathered for a while."""
        batch: list[Work] = []
        left = _AGAIN if self._has_work() else None  # what could not be written is tried again
        until = 0.0
        try:
            while True:
                batch.append(works.get(timeout=left) if left is None or left > 0 else works.get_nowait())
                if batch[-1][0]:
                    until = 0.0
                elif len(batch) == 1:
                    until = time.monotonic() + _GATHER
                left = until - time.monotonic()
        except queue.Empty:
            return batch

    def _want_to_look(self) -> None:
        self._look = True

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # whatever it is: without this thread nothing would be kept any more
            _log.exception("%r could not be written to", self._path)

    def _has_work(self) -> bool:
        return bool(self._records or self._forgotten)

    def _synchronize(self) -> None:
        """Bring the file up to date, and what is known of it; what keeps it from that is complained of."""
        if time.monotonic() < self._again_at:
            return
        try:
            if self._file is not None and self._file.is_gone():
                self._close()
            if self._file is None:
                self._file = HistoryFile(self._path, self._clock)
                self._look = True
            if self._has_work():
                self._file.write(self._records.values(), self._forgotten)
                self._records.clear()
                self._forgotten.clear()
            if self._prune:
                self._file.prune()
            if self._prune or (self._look and self._file.has_news()):
                self._loaded(self._file.load())
            self._prune = self._look = False
        except Exception as error:  # whatever it is, it must not cost more than the history
            self._give_up_for_now(error)

    def _give_up_for_now(self, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._complaint = why
        hopeless = not isinstance(error, (OSError, sqlite3.OperationalError))
        self._again_at = float("inf") if hopeless else time.monotonic() + _AGAIN
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


_writers: weakref.WeakSet[HistoryWriter] = weakref.WeakSet()
_left_to_parent: list[HistoryFile | None] = []
_exiting = False


def _at_exit() -> None:
    global _exiting
    _exiting = True
    for writer in list(_writers):
        writer.close(_AT_EXIT)


def _after_fork() -> None:
    for writer in list(_writers):
        writer.leave_to_parent()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)
