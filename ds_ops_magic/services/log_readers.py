"""The readers of a log: each takes the lines of its sources, at its own pace, out of a bounded buffer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ds_ops_magic.model.log_line import Batch


_OVERHEAD = 200  # bytes that a batch takes beside its text, about


class Room(NamedTuple):
    """What a reader holds that was not taken yet, at most."""

    lines: int = 20_000  # where the oldest are dropped
    size: int = 1_000_000  # bytes


class LogReader:
    """Lines that have come and were not taken yet, bounded: the log waits for this reader, or the oldest are dropped.

    Filled on the poller's loop, emptied on any one thread.

    Attributes:
        sources: Whose lines it wants; None for all.
        waits: Whether the log waits where there is no room; else the oldest lines are dropped.
        dropped: Lines that were dropped so far.
    """

    def __init__(
        self,
        sources: Collection[str] | None = None,
        *,
        waits: bool,
        room: Room = Room(),  # noqa: B008  # immutable
        on_news: Callable[[], object] = lambda: None,
    ) -> None:
        self.sources = None if sources is None else frozenset(sources)
        self.waits = waits
        self.dropped = 0
        self._room = room
        self._on_news = on_news
        self._lock = threading.RLock()  # the collector may close another reader amid a call
        self._batches: deque[Batch] = deque()
        self._lines = self._size = self._taken = 0
        self._awaited: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def put(self, batch: Batch) -> None:
        if self.sources is not None and batch.source not in self.sources:
            return
        with self._lock:
            self._batches.append(batch)
            self._count(batch, 1)
            if not self.waits:
                self._drop()

    def take(self) -> list[Batch]:
        """Return what has come since the last time; may be called from any thread."""
        with self._lock:
            taken = list(self._batches)
            self._batches.clear()
            # What was taken is in use until the next time. To read on meanwhile would only contend for the interpreter.
            self._taken, self._size, self._lines = self._size if self.waits else 0, 0, 0
            awaited, self._awaited = self._awaited, None
        if awaited is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                awaited[0].call_soon_threadsafe(awaited[1].set)
        return taken

    def held(self) -> list[Batch]:
        """Return what is there, and leave it there."""
        with self._lock:
            return list(self._batches)

    def wake(self) -> None:
        self._on_news()

    @property
    def is_full(self) -> bool:
        return self._lines > self._room.lines or self._size + self._taken > self._room.size

    async def room(self) -> None:
        """Wait until there is room; on the poller's loop."""
        emptied = asyncio.Event()
        with self._lock:
            if not self.is_full:
                return
            self._awaited = asyncio.get_running_loop(), emptied
        await emptied.wait()

    def _drop(self) -> None:
        """Drop the oldest lines that are too many: whole batches, then of the first that stays its first lines."""
        while self.is_full:
            batch = self._batches.popleft()
            self._count(batch, -1)
            number = batch.number
            left = min(number, self._room.lines - self._lines)
            if over := max(0, self._size + len(batch.data) + _OVERHEAD - self._room.size):
                left = min(left, number - number * over // len(batch.data) - 1)
            kept = batch.last(left) if left > 0 else None
            if kept is None and not self._batches:
                kept = batch.last(1)  # of which one line is more than there is room for
            if kept is not None:
                self._batches.appendleft(kept)
                self._count(kept, 1)
            self.dropped += number - (kept.number if kept else 0)
            if kept is not None and len(self._batches) == 1:
                return

    def _count(self, batch: Batch, sign: int) -> None:
        self._size += sign * (len(batch.data) + _OVERHEAD)
        if not self.waits:
            self._lines += sign * batch.number
