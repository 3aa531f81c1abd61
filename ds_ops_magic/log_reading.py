"""Logs that are being read: by whom, over which stream, and the last lines of stderr of what failed."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import OperationsError, WatchStopped
from ds_ops_magic.model.log_line import STDERR
from ds_ops_magic.model.wait_errors import stopped
from ds_ops_magic.model.waiting import Deadline, Patience
from ds_ops_magic.services.job_logs import JobLog, job_id_of
from ds_ops_magic.services.log_readers import LogReader, Room
from ds_ops_magic.util import fork
from ds_ops_magic.util.text import log_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ds_ops_magic.model.log_line import Batch
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.polling.poller import Poller
    from ds_ops_magic.util.pending import Pending

STDERR_TIMEOUT = 3.0
"""Seconds that reading them takes at most, for all failures of a wait."""
MOST_BYTES = 10_000_000
"""Bytes that are read for the last lines of a log: there is no reading backwards."""
_MOST_FAILURES = 3  # whose stderr is read
_STDERR_PATIENCE = Patience(1.5, 0.5)  # so that a log that stands still is read to its end in that time
_RECENT = Room(1_000, 256_000)  # what one who joins is given of what came before


class LogReading:
    """A log as one reader has it; its methods may be called from any thread.

    Args:
        poller: Who reads.
        log: What is read.
        reader: Who gets the lines.
        pending: The reading itself.
        close: Called once when this reader wants no more.
    """

    def __init__(
        self, poller: Poller, log: JobLog, reader: LogReader, pending: Pending[None], close: Callable[[], object]
    ) -> None:
        self._poller = poller
        self._log = log
        self._reader = reader
        self._pending = pending
        # In a forked child the locks of what was read in the parent may be held for ever.
        self._close = weakref.finalize(self, lambda: None if poller.left_in_parent else close())
        self._close.atexit = False

    def __enter__(self) -> LogReading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self) -> list[Batch]:
        """Return what has come since the last time."""
        return [] if self._poller.left_in_parent else self._reader.take()

    @property
    def dropped(self) -> int:
        """Lines that came faster than they were taken, and are lost to this reader."""
        return self._reader.dropped

    @property
    def size(self) -> int:
        """Bytes that have come, of all sources."""
        return self._log.size

    @property
    def ended(self) -> bool:
        """Whether nothing more will come; what has come may still be there to take."""
        return self._log.ended or self._pending.done or self._poller.left_in_parent

    def check(self) -> None:
        """Raise the error that has ended the reading, if one has."""
        if self._log.error is not None:
            raise self._log.error
        if self._pending.done:
            self._pending.result(0)
        elif not self._log.ended and self._poller.left_in_parent:
            raise stopped([])

    def close(self) -> None:
        """Read no more; where this was the last reader of the log, its stream is closed."""
        self._close()


def open_log(poller: Poller, log: JobLog, reader: LogReader) -> LogReading:
    """Begin to read a log, over a stream of its own: a slow reader that the log waits for holds nobody up."""
    log.add(reader)
    pending = poller.read(log)
    return LogReading(poller, log, reader, pending, lambda: _end(log, reader, pending))


def _end(log: JobLog, reader: LogReader, pending: Pending[None]) -> None:
    log.remove(reader)
    pending.cancel()


class _Shared:
    def __init__(self, log: JobLog, pending: Pending[None], recent: LogReader) -> None:
        self.log, self.pending, self.recent = log, pending, recent
        self.readers = 0


_shared: weakref.WeakKeyDictionary[Poller, dict[str, _Shared]] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()
    _shared.clear()


fork.register(after_in_child=_renew_lock)


def join_log(
    poller: Poller, operation_id: str, job_id: str, is_over: Callable[[], bool], reader: LogReader
) -> LogReading:
    """Read a log over the one stream that all have who join it, from when the first comes until the last one goes.

    For who looks at the last lines: what comes faster than it is taken is dropped. One who joins is given what came
    last, 1,000 lines at most.
    """
    if reader.waits:
        raise ValueError("nobody waits for a reader of a log that others read too")
    with _lock:
        logs = _shared.setdefault(poller, {})
        shared = logs.get(job_id)
        if shared is None or shared.log.error is not None or (shared.pending.done and not shared.log.ended):
            log, recent = JobLog(operation_id, job_id, is_over, Patience()), LogReader(waits=False, room=_RECENT)
            log.add(recent)
            shared = logs[job_id] = _Shared(log, poller.read(log), recent)
        shared.readers += 1
        shared.log.add(reader, shared.recent)

    def leave() -> None:
        with _lock:
            shared.log.remove(reader)
            shared.readers -= 1
            if not shared.readers:
                shared.pending.cancel()
                if logs.get(job_id) is shared:
                    del logs[job_id]

    return LogReading(poller, shared.log, reader, shared.pending, leave)


class LastStderr:
    """Reads the last lines of stderr of jobs that failed, the first three of them; what cannot be had is left out.

    Args:
        poller: Who reads.
        operations: What has ended, by id.
        number: How many lines of each.
        on_news: Called when there may be more; on the poller's thread.
        wait: The deadline of the wait that found them.
        now: By the same clock.

    Attributes:
        deadline: When the time for reading is over.
    """

    def __init__(
        self,
        poller: Poller,
        operations: Mapping[str, Operation],
        number: int,
        on_news: Callable[[], object],
        wait: Deadline,
        now: float,
    ) -> None:
        until = now + STDERR_TIMEOUT if wait.once else min(now + STDERR_TIMEOUT, wait.deadline)
        self.deadline = Deadline(STDERR_TIMEOUT, wait.return_when, until)
        self._number = number
        self._readings: dict[str, LogReading] = {}
        failed = [(key, one) for key, one in operations.items() if number > 0]
        for key, operation in failed[:_MOST_FAILURES]:
            try:
                log = JobLog(key, job_id_of(key, operation), lambda: True, _STDERR_PATIENCE)
                reader = LogReader((STDERR,), waits=False, room=Room(number, 64_000), on_news=on_news)
                self._readings[key] = open_log(poller, log, reader)
            except (OperationsError, WatchStopped):  # no job, or no poller any more
                continue

    @property
    def is_over(self) -> bool:
        sizes = sum(reading.size for reading in self._readings.values())
        return sizes > MOST_BYTES or all(reading.ended for reading in self._readings.values())

    def close(self) -> dict[str, tuple[str, ...]]:
        """Read no more, and return the lines by id: safe to print, without what looks like a secret."""
        found = {}
        for key, reading in self._readings.items():
            texts = [text for batch in reading.take() for text in batch.texts()]
            reading.close()
            if texts:
                found[key] = tuple(log_text(text) for text in texts[-self._number :])
        return found
