"""The log of an operation as its client gives it: line by line, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ds_ops_magic.log_reading import MOST_BYTES, LogReading, open_log
from ds_ops_magic.model.errors import WaitInterrupted
from ds_ops_magic.model.ids import shown_id
from ds_ops_magic.model.wait_errors import stopped
from ds_ops_magic.model.waiting import Patience
from ds_ops_magic.services.job_logs import FROM_NOW, JobLog, job_id_of
from ds_ops_magic.services.log_readers import LogReader
from ds_ops_magic.util.threads import LONGEST_SLEEP, Signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from ds_ops_magic.model.log_line import Batch, LogLine
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.watch import Watch

TAIL_TIMEOUT = 3.0
"""Seconds that reading the last lines of a log takes at most, from its beginning."""
_QUIET = 0.5  # seconds without a line after which the log of a running job is taken to be read up to now
_SILENT = 1.5  # likewise, before the first line
_CLOCKS_DIFFER = timedelta(seconds=2)  # at most, mostly


@dataclass(frozen=True)
class LogRequest:
    """What of which log is to be read.

    Attributes:
        key: The operation.
        watch: Begins to watch it.
        follow: Whether to go on until the operation ends; else what is there now is read.
        tail: How many of the last lines to begin with, None for all, 0 for what comes from now on.
        sources: Whose lines; None for all.
    """

    key: str
    watch: Callable[[], Watch]
    follow: bool = True
    tail: int | None = None
    sources: Iterable[str] | None = None

    def __post_init__(self) -> None:
        if self.tail is not None and (not isinstance(self.tail, int) or self.tail < 0):
            raise ValueError(f"tail is a number of lines, or None for all of them, not {self.tail!r}")
        if isinstance(self.sources, str):
            raise TypeError(f"sources is a collection of names, such as ('stdout',), not {self.sources!r}")

    def lines(self) -> Iterator[LogLine]:
        """Read line by line."""
        return itertools.chain.from_iterable(batch.lines() for batch in self._batches())

    async def lines_async(self) -> AsyncIterator[LogLine]:
        """Read line by line, on the running event loop."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        with self.watch() as watch:
            async for _ in watch:
                break
            with self.open(watch, seen(watch), lambda: _set_soon(loop, news)) as reading:
                tail = Tail(self)
                while (batches := tail.next(reading)) is not None:
                    for line in itertools.chain.from_iterable(batch.lines() for batch in batches):
                        yield line
                    if not batches:
                        timer = loop.call_later(tail.pause, news.set)
                        await news.wait()
                        timer.cancel()
                        news.clear()

    def open(self, watch: Watch, operation: Operation, on_news: Callable[[], object]) -> LogReading:
        """Begin to read the log of an operation as it was seen."""
        over, now = operation.done, datetime.now(timezone.utc)
        as_it_is = not over and not self.follow
        is_over: Callable[[], bool] = (lambda: watch.done) if self.follow and not over else (lambda: True)
        log = JobLog(
            self.key,
            job_id_of(self.key, operation),
            is_over,
            Patience(_SILENT, _QUIET) if as_it_is else Patience(),
            once=as_it_is,
            offset=FROM_NOW if self.tail == 0 else 0,
            until=now + _CLOCKS_DIFFER if as_it_is else None,
        )
        if as_it_is:
            watch.stop()
        sources = None if self.sources is None else tuple(self.sources)
        return open_log(watch.poller, log, LogReader(sources, waits=True, on_news=on_news))

    def _batches(self) -> Iterator[Batch]:
        news = Signal()
        try:
            with self.watch() as watch:
                watch.wait_until(lambda: watch.view().all_seen)
                with self.open(watch, seen(watch), news.set) as reading:
                    tail = Tail(self)
                    while (batches := tail.next(reading)) is not None:
                        yield from batches
                        if not batches:
                            news.wait(tail.pause)
        except KeyboardInterrupt:
            raise interrupted(self.key) from None


class Tail:
    """What of a log is given on: first the last lines that were asked for, then all that follow.

    Attributes:
        pause: Seconds until `next` is to be called again, where there is no news before.
        skipped: Lines that were read and not given on.
        is_cut: Whether the limits of reading a tail were reached before the end.
    """

    def __init__(self, request: LogRequest, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._follow = request.follow
        self._number = request.tail or 0
        self._held: deque[Batch] | None = None
        if request.tail is not None and not (request.tail == 0 and request.follow):
            self._held = deque()
        self._lines = 0
        self._deadline = clock() + TAIL_TIMEOUT
        self._last_came: float | None = None
        self.skipped = 0
        self.is_cut = False

    @property
    def pause(self) -> float:
        return LONGEST_SLEEP if self._held is None else 0.1

    def next(self, reading: LogReading) -> list[Batch] | None:
        """Return what is to be given on now, maybe nothing; None at the end. Raises what has ended the reading."""
        ended = reading.ended  # before taking: nothing comes after that
        batches = reading.take()
        if self._held is None:
            if ended and not batches:
                reading.check()
            return None if self.is_cut or (ended and not batches) else batches
        self._hold(batches)
        if ended or self._is_at_the_limit(reading, self._clock()):
            self.is_cut = not ended and not self._follow
            return self._release()
        return []

    def _is_at_the_limit(self, reading: LogReading, now: float) -> bool:
        caught_up = self._follow and self._last_came is not None and now - self._last_came >= _QUIET
        return caught_up or now >= self._deadline or reading.size >= MOST_BYTES

    def _hold(self, batches: list[Batch]) -> None:
        assert self._held is not None  # noqa: S101  # for the type checker
        for batch in batches:
            self._held.append(batch)
            self._lines += batch.number
            self._last_came = self._clock()
            while self._held and self._lines - self._held[0].number >= self._number:
                dropped = self._held.popleft().number
                self._lines -= dropped
                self.skipped += dropped

    def _release(self) -> list[Batch]:
        held, self._held = list(self._held or ()), None
        if held and (over := self._lines - self._number) > 0:
            held[0] = held[0].last(held[0].number - over)
            self.skipped += over
        return held


def seen(watch: Watch) -> Operation:
    """Return the first snapshot of the only operation of a watch; raises why there is none."""
    (entry,) = watch.view().entries
    if entry.error is not None:
        raise entry.error
    if entry.operation is None:
        raise stopped([entry.id])
    return entry.operation


def interrupted(key: str) -> WaitInterrupted:
    return WaitInterrupted(
        "Stopped reading the log; the operation itself is as it was.", f"To go on reading: %op logs {shown_id(key)} -f"
    )


def _set_soon(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(news.set)
