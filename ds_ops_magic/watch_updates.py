"""The subscribers of a Watch: functions that are called, waits, and iterators over updates, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import time
from typing import TYPE_CHECKING

from ds_ops_magic.util.threads import LONGEST_SLEEP, Signal

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from ds_ops_magic.model.view import Update
    from ds_ops_magic.model.waiting import Deadline

    Reader = Callable[[Update | None], None]
    # Gives what is known already, and None at its end where there will be no more updates.
    Known = Callable[[], Iterable[Update | None]]

_log = logging.getLogger(__name__)
_TICK = 0.05  # seconds between two calls of `tick`


class Subscribers:
    """The subscribers of one Watch, under the lock under which it takes updates over: so no reader misses one."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._signals: list[Callable[[], None]] = []
        self.readers: list[Reader] = []  # each is called with every update, and at last with None

    def subscribe(self, signal: Callable[[], None]) -> Callable[[], None]:
        with self._lock:
            self._signals.append(signal)

        def unsubscribe() -> None:
            with self._lock, contextlib.suppress(ValueError):  # it was ended before
                self._signals.remove(signal)

        return unsubscribe

    def signal(self, *, on_poller_thread: bool) -> None:
        """Call every function that was subscribed; whatever is wrong with one, the others are called."""
        with self._lock:
            signals = list(self._signals)
        for signal in signals:
            try:
                signal()
            except BaseException as error:
                if not on_poller_thread and not isinstance(error, Exception):
                    raise  # it may be Stop itself
                _log.exception("a subscriber failed: %r", signal)

    def wait(self, is_over: Callable[[], bool], deadline: Deadline, tick: Callable[[], object] | None) -> None:
        """Block until ``is_over``, called at each signal and after each tick, or the deadline passes."""
        news = Signal()
        unsubscribe = self.subscribe(news.set)
        try:
            while not is_over() and not deadline.is_late(now := time.monotonic()):
                news.wait(min(deadline.sleep(now), LONGEST_SLEEP if tick is None else _TICK))
                if tick is not None:
                    tick()
        finally:
            unsubscribe()

    async def wait_async(self, is_over: Callable[[], bool], deadline: Deadline) -> None:
        """Wait like `wait`, on the running event loop; the deadline is by its clock."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        unsubscribe = self.subscribe(lambda: _call_soon(loop, news.set))
        try:
            while not is_over() and not deadline.is_late(loop.time()):
                # Not `asyncio.wait_for`: before Python 3.12 it loses a cancellation that comes together with news.
                timer = loop.call_later(deadline.sleep(loop.time()), news.set)
                try:
                    await news.wait()
                finally:
                    timer.cancel()
                news.clear()
        finally:
            unsubscribe()

    def updates(self, known: Known, is_stopped: Callable[[], bool]) -> Iterator[Update]:
        """Iterate over what is known and every later update; ends with the last one, or when it is stopped."""
        updates: queue.SimpleQueue[Update | None] = queue.SimpleQueue()
        with self._reading(known, updates.put):
            while (update := _next(updates, is_stopped)) is not None:
                yield update

    async def updates_async(self, known: Known) -> AsyncIterator[Update]:
        loop = asyncio.get_running_loop()
        updates: asyncio.Queue[Update | None] = asyncio.Queue()
        with self._reading(known, lambda update: _call_soon(loop, updates.put_nowait, update)):
            while (update := await updates.get()) is not None:
                yield update

    @contextlib.contextmanager
    def _reading(self, known: Known, reader: Reader) -> Iterator[None]:
        with self._lock:
            for update in known():
                reader(update)
            self.readers.append(reader)  # another None, where that was the last, is read by nobody
        try:
            yield
        finally:
            with self._lock:
                self.readers.remove(reader)


def _next(updates: queue.SimpleQueue[Update | None], is_stopped: Callable[[], bool]) -> Update | None:
    while True:
        with contextlib.suppress(queue.Empty):
            return updates.get(timeout=LONGEST_SLEEP)
        if is_stopped():
            return None


def _call_soon(loop: asyncio.AbstractEventLoop, work: Callable[..., object], *args: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there any more
        loop.call_soon_threadsafe(work, *args)
