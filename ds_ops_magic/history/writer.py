"""The thread that a history's file belongs to: takes what is told, and writes it in batches."""

from __future__ import annotations

import atexit
import queue
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.history.database import BUSY, HistoryFile
from ds_ops_magic.history.inbox import Inbox
from ds_ops_magic.util import fork, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from ds_ops_magic.history.record import Record

_AGAIN = 30.0  # seconds before a file that could not be used is tried again
_AT_EXIT = 1.0  # seconds that the end of the process waits


class HistoryWriter:
    """Keeps records in a file, on a daemon thread that starts with the first work. After a fork the child has its own.

    Where no thread can be started, work is done by who tells it, but for the file: what that is to hold stays in memory
    until a thread can be started, which is tried each time, or until the end of the process.

    Ctrl-C may come at any moment in a caller: what was told is done then with what is told next. (The thread is not
    asked whether it is alive: interrupted in that, Python up to 3.12 may take it for dead from then on.)

    Args:
        path: The file.
        loaded: Gets all that the file holds, on the thread, whenever it was read.
        clock: Seconds since the epoch.

    Attributes:
        has_read: Whether the file was read, or turned out not to be readable.
    """

    has_read: bool
    _lock: threading.Lock
    _thread: threading.Thread | None  # that runs
    _coming: threading.Thread | None  # that was started last
    _inbox: Inbox
    _file: HistoryFile | None
    _late: bool  # whether a caller has waited in vain: no other should, before it has caught up

    def __init__(self, path: Path, loaded: Callable[[list[Record]], None], clock: Callable[[], float]) -> None:
        self._path = path
        self._loaded = loaded
        self._clock = clock
        self._trouble: Exception | None = None
        self._complained = False
        self._records: dict[tuple[str, str], Record] = {}  # what is not written yet
        self._forgotten: set[tuple[str, str]] = set()
        self._start_afresh()
        _writers.add(self)
        fork.register(after_in_child=self._leave_to_parent)

    def tell(self, work: Callable[[], None], *, urgent: bool = True) -> None:
        """Have work done on the thread, soon or, if it is not urgent, with more of its kind. Returns at once.

        Args:
            work: May be done twice.
            urgent: Whether to do it at once.
        """
        if _exiting:  # no thread can be started any more
            return
        self._inbox.put(work, urgent=urgent)
        with self._lock:
            self._start()

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
            thread = self._thread
            if thread is None:
                self._write_here(timeout)
                return
            self._closing = True
            self._inbox.ring()
        thread.join(0.0 if self._late else timeout)

    def take_trouble(self) -> Exception | None:
        """Return, once, what keeps the file from being written: ThreadLimitReached where no thread can be started."""
        if self._trouble is None or self._complained:
            return None
        self._complained = True
        return self._trouble

    def _leave_to_parent(self) -> None:
        """Begin anew in a forked child: the thread has stayed in the parent, which writes what was told before."""
        # Neither used nor closed here: both can damage the file (sqlite.org/howtocorrupt.html, 2.6).
        _left_to_parent.append(self._file)
        self._records, self._forgotten = {}, set()
        self._start_afresh()

    def _start_afresh(self) -> None:
        self.has_read = False
        self._lock = threading.Lock()
        self._thread = self._coming = self._file = None
        self._inbox = Inbox()
        self._closing = False
        self._late = False
        self._prune = True
        self._look = False
        self._again_at = 0.0
        self._waiting: list[Callable[[bool], None]] = []

    def _wait_for(self, work: Callable[[], None], timeout: float) -> bool:
        answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

        def wait() -> None:
            work()
            self._waiting.append(answers.put)

        if _exiting:
            return False
        self.tell(wait)
        try:
            return answers.get(timeout=0.0 if self._late else timeout)
        except queue.Empty:
            self._late = True
            return False

    # What follows runs with the lock.

    def _start(self) -> None:
        """See that the thread runs; where none can be started, do here what was told."""
        if self._thread is not None:
            return
        self._coming = threading.Thread(target=self._main, name="ds_ops_magic history", daemon=True)
        try:
            threads.start(self._coming)
        except threads.ThreadLimitReached as error:
            self._coming = None
            self._trouble = error.with_traceback(None)
            self._inbox.work_off()
            self._answer()
        else:
            self._thread = self._coming

    def _write_here(self, timeout: float) -> None:
        """Write what no thread has written, if there is any."""
        self._coming = None
        self._inbox.work_off()
        if self._has_work():
            self._again_at = 0.0
            self._synchronize(timeout)
            self._close()

    # Everything below runs on the thread or, where there is none, with the lock.

    def _main(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            if self._coming is not thread:
                return  # its start was interrupted, and another one was started since
            self._thread = thread
        try:
            self._serve()
        finally:
            with self._lock:
                if self._thread is thread:
                    self._thread = None

    def _serve(self) -> None:
        self._again_at = 0.0
        self._synchronize()
        self.has_read = True
        while not (self._closing and self._has_ended()):
            self._inbox.listen(_AGAIN if self._has_work() else None)  # what could not be written is tried again
            self._inbox.work_off()
            if self._closing:  # there may be no later
                self._again_at = 0.0
            self._synchronize()
            self._late = False
            self._answer()

    def _has_ended(self) -> bool:
        self._close()
        with self._lock:
            if self._inbox:  # told meanwhile
                return False
            self._thread, self._closing = None, False
            return True

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer(self._file is not None and not self._has_work())

    def _want_to_look(self) -> None:
        self._look = True

    def _has_work(self) -> bool:
        return bool(self._records or self._forgotten)

    def _synchronize(self, patience: float = BUSY) -> None:
        """Bring the file up to date, and what is known of it; what keeps it from that is complained of."""
        if time.monotonic() < self._again_at:
            return
        try:
            if self._file is not None and self._file.is_gone():
                self._close()
            if self._file is None:
                self._file = HistoryFile(self._path, self._clock, patience)
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
            self._trouble = None
        except Exception as error:  # whatever it is, it must not cost more than the history
            self._give_up_for_now(error)

    def _give_up_for_now(self, error: Exception) -> None:
        self._trouble = error.with_traceback(None)
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


atexit.register(_at_exit)
