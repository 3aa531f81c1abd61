"""The thread that a history's file belongs to: it writes records in batches, and reads what others have written."""

from __future__ import annotations

import atexit
import math
import queue
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.history.database import BUSY_TIMEOUT, HistoryFile
from ds_ops_magic.history.work_queue import WorkQueue
from ds_ops_magic.util import fork, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from ds_ops_magic.history.record import Record

_RETRY_AFTER = 30.0  # seconds before a file that could not be used is tried again
_EXIT_TIMEOUT = 1.0  # seconds that the end of the process waits


class HistoryWriter:
    """Writes records into a file, on a daemon thread that starts with the first work. A forked child has its own.

    Where no thread can be started, `submit` does the work itself, but leaves the file alone: records wait in memory
    until a thread can be started, which is tried each time, or until the end of the process.

    An interrupt may come at any moment in a caller: the work is then done with the next that is submitted. (The thread
    is not asked whether it is alive: interrupted in that, Python up to 3.12 may take it for dead from then on.)

    On the thread `on_load` gets all that the file holds, whenever it was read.
    """

    def __init__(self, path: Path, on_load: Callable[[list[Record]], None], clock: Callable[[], float]) -> None:
        self._path = path
        self._on_load = on_load
        self._clock = clock
        self._error: Exception | None = None  # what keeps the file from being used
        self._error_was_taken = False
        self._reset()
        _writers.add(self)
        fork.register(after_in_child=self._reset)  # the parent writes what was submitted before

    def _reset(self) -> None:
        self.has_read = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None  # that runs
        self._starting: threading.Thread | None = None  # that was started last
        self._file: HistoryFile | None = None
        self._queue = WorkQueue()
        self._records: dict[tuple[str, str], Record] = {}  # what is not written yet
        self._dropped: set[tuple[str, str]] = set()
        self._closing = False
        self._is_late = False  # whether a caller has waited in vain: no other should, before it has caught up
        self._prune = True
        self._read = False
        self._retry_at = 0.0
        self._waiting: list[Callable[[bool], None]] = []

    def submit(self, work: Callable[[], None], *, urgent: bool = True) -> None:
        """Have work done on the thread, which may do it twice; what is not urgent is done with more of its kind."""
        if _exiting:  # no thread can be started any more
            return
        self._queue.put(work, urgent=urgent)
        with self._lock:
            self._start()

    def write(self, record: Record) -> None:
        """Only on the thread, as `drop` and `prune`."""
        self._records[record.endpoint, record.id] = record

    def drop(self, endpoint: str, operation_id: str) -> None:
        """Drop an operation that was never seen."""
        self._records.pop((endpoint, operation_id), None)
        self._dropped.add((endpoint, operation_id))

    def prune(self, retained: Container[tuple[str, str]]) -> None:
        """Have the file pruned and read again; what is not written yet is written only if it is retained."""
        self._records = {key: record for key, record in self._records.items() if key in retained}
        self._prune = True

    def request_read(self) -> None:
        self.submit(self._want_read)

    def flush(self, timeout: float) -> bool:
        """Wait until all is written; False when it cannot be, or was not in so many seconds."""
        return self._wait_for(lambda: None, timeout)

    def refresh(self, timeout: float) -> bool:
        """Read what other processes have written; otherwise like `flush`."""
        return self._wait_for(self._want_read, timeout)

    def close(self, timeout: float) -> None:
        """Write what is left, close the file and end the thread. Waits for so many seconds at most."""
        with self._lock:
            thread = self._thread
            if thread is None:
                self._write_here(timeout)
                return
            self._closing = True
            self._queue.wake()
        thread.join(0.0 if self._is_late else timeout)

    def take_error(self) -> Exception | None:
        """Return, once, the error that keeps the file from being written, `ThreadLimitReached` among them."""
        if self._error is None or self._error_was_taken:
            return None
        self._error_was_taken = True
        return self._error

    def _wait_for(self, work: Callable[[], None], timeout: float) -> bool:
        answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

        def wait() -> None:
            work()
            self._waiting.append(answers.put)

        if _exiting:
            return False
        self.submit(wait)
        try:
            return answers.get(timeout=0.0 if self._is_late else timeout)
        except queue.Empty:
            self._is_late = True
            return False

    # What follows runs with the lock.

    def _start(self) -> None:
        if self._thread is not None:
            return
        self._starting = threading.Thread(target=self._main, name="ds_ops_magic history", daemon=True)
        try:
            threads.start(self._starting)
        except threads.ThreadLimitReached as error:
            self._starting = None
            self._error = error.with_traceback(None)
            self._queue.run_all()
            self._answer()
        else:
            self._thread = self._starting

    def _write_here(self, timeout: float) -> None:
        self._starting = None
        self._queue.run_all()
        if self._has_work():
            self._retry_at = 0.0
            self._synchronize(timeout)
            self._close()

    # Everything below runs on the thread or, where there is none, with the lock.

    def _main(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            if self._starting is not thread:
                return  # its start was interrupted, and another one was started since
            self._thread = thread
        try:
            self._serve()
        finally:
            with self._lock:
                if self._thread is thread:
                    self._thread = None

    def _serve(self) -> None:
        self._retry_at = 0.0
        self._synchronize()
        self.has_read = True  # or turned out not to be readable
        while not (self._closing and self._has_ended()):
            self._queue.wait(_RETRY_AFTER if self._has_work() else None)  # what could not be written is tried again
            self._queue.run_all()
            if self._closing:  # there may be no later
                self._retry_at = 0.0
            self._synchronize()
            self._is_late = False
            self._answer()

    def _has_ended(self) -> bool:
        self._close()
        with self._lock:
            if self._queue:  # submitted meanwhile
                return False
            self._thread, self._closing = None, False
            return True

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer(self._file is not None and not self._has_work())

    def _want_read(self) -> None:
        self._read = True

    def _has_work(self) -> bool:
        return bool(self._records or self._dropped)

    def _synchronize(self, timeout: float = BUSY_TIMEOUT) -> None:
        if time.monotonic() < self._retry_at:
            return
        try:
            if self._file is not None and self._file.is_gone():
                self._close()
            if self._file is None:
                self._file = HistoryFile(self._path, self._clock, timeout)
                self._read = True
            if self._has_work():
                self._file.write(self._records.values(), self._dropped)
                self._records.clear()
                self._dropped.clear()
            if self._prune:
                self._file.prune()
            if self._prune or (self._read and self._file.has_changed()):
                self._on_load(self._file.load())
            self._prune = self._read = False
            self._error = None
        except Exception as error:  # whatever it is, it must not cost more than the history
            self._error = error.with_traceback(None)
            retryable = isinstance(error, (OSError, sqlite3.OperationalError))
            self._retry_at = time.monotonic() + _RETRY_AFTER if retryable else math.inf
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


_writers: weakref.WeakSet[HistoryWriter] = weakref.WeakSet()
_exiting = False


def _at_exit() -> None:
    global _exiting
    _exiting = True
    for writer in list(_writers):
        writer.close(_EXIT_TIMEOUT)


atexit.register(_at_exit)
