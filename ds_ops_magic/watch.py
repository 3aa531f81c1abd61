"""A Watch: the following of one or many operations, and the one object that all layers share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.model import errors, references
from ds_ops_magic.model.errors import WatchStopped
from ds_ops_magic.model.group_errors import group_error
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.view import Change, View
from ds_ops_magic.model.waiting import Deadline, ReturnWhen
from ds_ops_magic.util.threads import LONGEST_SLEEP, Signal
from ds_ops_magic.watch_state import WatchState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence

    from ds_ops_magic.history.history import EndpointHistory
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.references import Reference
    from ds_ops_magic.polling.poller import Poller
    from ds_ops_magic.polling.updates import Update

_log = logging.getLogger(__name__)
_TICK = 0.05  # seconds between two calls of a waiter's `tick`


class Watch:
    """Follows operations in the background from the moment it is made.

    Use `OperationClient.watch` to make one. All methods may be called from any thread. It ends with `stop`, with the
    block of a ``with`` statement, and when nobody holds it any more.

    Args:
        poller: What asks.
        ids: The operations, in the order in which results are given; an id may stand more than once.
        owner: Whose end would end the poller: kept alive as long as the watch is.
        history: What is told all that becomes known.
    """

    def __init__(
        self, poller: Poller, ids: Sequence[str], owner: object = None, history: EndpointHistory | None = None
    ) -> None:
        self.ids: tuple[str, ...] = tuple(ids)
        self._poller = poller
        self._owner = owner
        self._history = history
        self.durations = history.durations if history else {}
        self._standing = WatchState(self.ids)
        self._lock = threading.RLock()
        self._signals: list[Callable[[], None]] = []
        self._readers: list[Callable[[Change | None], None]] = []
        self._stopped = False
        try:
            poller.follow(self._standing.entries, self)
        except BaseException:  # an interrupt may come when that was done, and its traceback hold this
            self.stop()
            raise

    def __repr__(self) -> str:
        with self._lock:
            total = len(self._standing.entries)
            state = "stopped" if self._stopped else f"{self._standing.ended:,} of {total:,} ended"
        return f"<Watch of {total:,}, {state}>"

    @property
    def operations(self) -> Operations[Operation | None]:
        """The newest snapshots, in the order given; None for an operation not seen yet."""
        with self._lock:
            return Operations(self._standing.entries[name].operation for name in self.ids)

    @property
    def done(self) -> bool:
        """Whether every operation has ended."""
        with self._lock:
            return self._standing.all_ended

    def view(self) -> View:
        """Return all that is known now."""
        with self._lock:
            return View(
                tuple(self._standing.entries.values()),
                self._poller.health,
                self._stopped,
                self._standing.pace,
                self._standing.watched_for,
                self.durations,
            )

    def subscribe(self, signal: Callable[[], None]) -> Callable[[], None]:
        """Have a function called whenever `view` is newer.

        Args:
            signal: Runs on the poller's thread: it must not block, print or display.

        Returns:
            A function that ends the subscription.
        """
        with self._lock:
            self._signals.append(signal)

        def unsubscribe() -> None:
            with self._lock:
                if signal in self._signals:
                    self._signals.remove(signal)

        return unsubscribe

    def cancel(self, *operations: Reference | Iterable[Reference]) -> None:
        """Ask for operations to be cancelled, all that have not ended when none is named.

        Returns at once; what comes of it arrives as a Change. The wait goes on until the operations end.

        Args:
            *operations: Ids, snapshots, or what else stands for one operation or several.

        Raises:
            NotWatched: One of them is not watched here; it is a KeyError too. Then none is cancelled.
            NotAnOperation: One of them stands for none.
        """
        ids = list(references.ids_of(*operations)) if operations else self.ids
        with self._lock:
            wanted = self._standing.cancelling(dict.fromkeys(ids))
        self._poller.cancel_followed(wanted)
        self._signal()

    def stop(self) -> None:
        """Stop watching; the operations go on. What waits on this watch ends with WatchStopped."""
        with self._lock:
            if self._stopped or self._standing.all_ended:
                return
            self._stopped = True
            readers, self._readers = self._readers, []
        with contextlib.suppress(WatchStopped):  # a closed client's poller follows nothing any more
            self._poller.unfollow(self._standing.entries, self)
        for read in readers:
            read(None)
        self._signal()

    def wait(
        self,
        timeout: float | None = None,
        return_when: ReturnWhen = ReturnWhen.ALL,
        *,
        tick: Callable[[], None] | None = None,
    ) -> Operations[Operation | None]:
        """Block until the operations have ended.

        Args:
            timeout: Seconds for the whole wait; None waits for ever, 0 asks once, what is negative has passed.
            return_when: What ends the wait; FIRST returns even if the first to end failed.
            tick: Called about every 0.05 s while waiting, on the waiting thread.

        Returns:
            The newest snapshots, in the order given.

        Raises:
            OperationFailed: The one operation failed; OperationCancelled when it was cancelled.
            OperationsFailed: Of several, some failed.
            WaitTimeout: The deadline passed. Nothing was cancelled.
            WaitInterrupted: The wait was interrupted. Nothing was cancelled, and the watch goes on.
            WatchStopped: The watch was stopped meanwhile.
            OperationsError: The one operation cannot be waited for: not found, not readable, no permission.
            TypeError: The timeout is no number; ValueError: it is NaN, or return_when is none of the three.
        """
        self._poller.refuse_to_block()
        terms, news = self._terms(timeout, return_when, time.monotonic()), Signal()
        unsubscribe = self.subscribe(news.set)
        try:
            while not self._is_over(terms) and not terms.is_late(now := time.monotonic()):
                news.wait(min(terms.sleep(now), LONGEST_SLEEP if tick is None else _TICK))
                if tick is not None:
                    tick()
        except KeyboardInterrupt:
            raise errors.interrupted(self._unfinished()) from None
        finally:
            unsubscribe()
        return self._outcome(terms)

    async def wait_async(
        self, timeout: float | None = None, return_when: ReturnWhen = ReturnWhen.ALL
    ) -> Operations[Operation | None]:
        """Wait like `wait`, on the running event loop, whichever it is."""
        loop = asyncio.get_running_loop()
        terms = self._terms(timeout, return_when, loop.time())
        news = asyncio.Event()
        unsubscribe = self.subscribe(lambda: _call_soon(loop, news.set))
        try:
            while not self._is_over(terms) and not terms.is_late(loop.time()):
                # Not `asyncio.wait_for`: before Python 3.12 it loses a cancellation that comes together with news.
                timer = loop.call_later(terms.sleep(loop.time()), news.set)
                try:
                    await news.wait()
                finally:
                    timer.cancel()
                news.clear()
        finally:
            unsubscribe()
        return self._outcome(terms)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __await__(self) -> Generator[Any, None, Operations[Operation | None]]:
        return self.wait_async().__await__()

    def __iter__(self) -> Iterator[Change]:
        """Iterate over the changes, what is known already first; ends when every operation has ended."""
        self._poller.refuse_to_block()
        changes: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._read(changes.put)
        try:
            while (change := self._next(changes)) is not None:
                yield change
        finally:
            self._stop_reading(changes.put)

    async def __aiter__(self) -> AsyncIterator[Change]:
        """Iterate like `__iter__`, on the running event loop."""
        loop = asyncio.get_running_loop()
        changes: asyncio.Queue[Change | None] = asyncio.Queue()

        def read(change: Change | None) -> None:
            _call_soon(loop, changes.put_nowait, change)

        self._read(read)
        try:
            while (change := await changes.get()) is not None:
                yield change
        finally:
            self._stop_reading(read)

    def _next(self, changes: queue.SimpleQueue[Change | None]) -> Change | None:
        while True:
            with contextlib.suppress(queue.Empty):
                return changes.get(timeout=LONGEST_SLEEP)
            if self._is_stopped():
                return None

    def on_updates(self, reports: list[Update]) -> None:
        """Take over what the poller learned (`ds_ops_magic.polling.updates.Listener`)."""
        with self._lock:  # who waits sees it when the history was told too
            changes = [change for report in reports if (change := self._standing.apply(report)) is not None]
            over = self._standing.all_ended
            readers = list(self._readers)
            self._tell_history(reports)
        for read in readers:
            for change in changes:
                read(change)
            if over:
                read(None)
        self._signal()

    def _tell_history(self, reports: list[Update]) -> None:
        try:
            if self._history is not None:
                self._history.on_updates(reports)
        except Exception:
            _log.exception("the history of %r failed", self)

    def _terms(self, timeout: float | None, return_when: ReturnWhen, now: float) -> Deadline:
        return Deadline.of(timeout, return_when, now, self._poller.time_to_ask(len(self._standing.entries)))

    def _is_over(self, terms: Deadline) -> bool:
        """Tell whether a wait has nothing more to wait for: settled, stopped, or asked once where that is all."""
        with self._lock:
            asked = terms.once and self._standing.all_seen
            return self._is_stopped() or asked or self._standing.is_settled(terms.return_when)

    def _outcome(self, terms: Deadline) -> Operations[Operation | None]:
        """Return or raise what a wait that is over came to."""
        with self._lock:
            operations, unfinished = self.operations, self._standing.unfinished()
            settled = self._standing.is_settled(terms.return_when)
            failed = self._standing.failures(terms.return_when)
        if not settled:
            if self._poller.has_died:
                raise errors.thread_ended(unfinished)
            if self._is_stopped() or terms.timeout is None:
                raise errors.stopped(unfinished)
            raise errors.timed_out(unfinished, operations, terms.timeout, self._poller.health.last_status)
        if failed:
            raise group_error(failed, operations, len(self._standing.entries))
        return operations

    def _is_stopped(self) -> bool:
        return self._stopped or self._poller.left_in_parent or self._poller.has_died

    def _unfinished(self) -> list[str]:
        with self._lock:
            return self._standing.unfinished()

    def _read(self, reader: Callable[[Change | None], None]) -> None:
        """Hand a reader what is known, then every change from now on, then None."""
        with self._lock:
            for entry in self._standing.entries.values():
                if entry.operation is not None or entry.error is not None:
                    reader(Change(entry.id, None, entry.operation, entry.error))
            if self._is_stopped() or self._standing.all_ended:
                reader(None)
            else:
                self._readers.append(reader)

    def _stop_reading(self, reader: Callable[[Change | None], None]) -> None:
        with self._lock:
            if reader in self._readers:
                self._readers.remove(reader)

    def _signal(self) -> None:
        with self._lock:
            signals = list(self._signals)
        for signal in signals:
            try:
                signal()
            except Exception:
                _log.exception("a subscriber of %r failed", self)
            except BaseException:
                if not self._poller.is_current():  # here it may be Stop itself
                    raise
                _log.exception("a subscriber of %r failed", self)


def _call_soon(loop: asyncio.AbstractEventLoop, work: Callable[..., object], *args: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there any more
        loop.call_soon_threadsafe(work, *args)
