"""A Watch: the following of one or many operations, and the one object that all layers share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.model import errors, references
from ds_ops_magic.model.group_errors import group_error
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.view import Update, View
from ds_ops_magic.model.waiting import Deadline, ReturnWhen
from ds_ops_magic.watch_state import WatchState
from ds_ops_magic.watch_updates import Subscribers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence

    from ds_ops_magic.history.history import EndpointHistory
    from ds_ops_magic.log_reading import LastStderr
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.references import Reference
    from ds_ops_magic.polling.poller import Poller

_log = logging.getLogger(__name__)


class Watch:
    """Follows operations in the background from the moment it is made.

    Use `OperationClient.watch` to make one. All methods may be called from any thread. It ends with `stop`, with the
    block of a ``with`` statement, and when nobody holds it any more.
    """

    def __init__(
        self, poller: Poller, ids: Sequence[str], owner: object = None, history: EndpointHistory | None = None
    ) -> None:
        self.ids: tuple[str, ...] = tuple(ids)
        self.poller = poller  # for what else is read of its operations
        self._owner = owner  # kept alive: its end would end the poller
        self._history = history
        self.durations = history.durations if history else {}
        self.stderr_lines = 20  # that are read of each job that failed, when a wait is over
        self._state = WatchState(self.ids)
        self._lock = threading.RLock()
        self._subscribers = Subscribers(self._lock)
        self._stopped = False
        try:
            poller.follow(self._state.entries, self)
        except BaseException:  # an interrupt may come when that was done, and its traceback hold this
            self.stop()
            raise

    def __repr__(self) -> str:
        with self._lock:
            total = len(self._state.entries)
            state = "stopped" if self._stopped else f"{self._state.ended:,} of {total:,} ended"
        return f"<Watch of {total:,}, {state}>"

    @property
    def operations(self) -> Operations[Operation | None]:
        """The newest snapshots, in the order given; None for an operation not seen yet."""
        with self._lock:
            return Operations(self._state.entries[operation_id].operation for operation_id in self.ids)

    @property
    def done(self) -> bool:
        """Whether every operation has ended."""
        with self._lock:
            return self._state.all_ended

    def view(self) -> View:
        """Return all that is known now."""
        with self._lock:
            return View(
                tuple(self._state.entries.values()),
                self.poller.health,
                self._stopped,
                self._state.throughput,
                self._state.watched_for,
                self.durations,
            )

    def subscribe(self, signal: Callable[[], None]) -> Callable[[], None]:
        """Have a function called whenever `view` is newer.

        Args:
            signal: Runs on the poller's thread: it must not block, print or display.

        Returns:
            A function that ends the subscription.
        """
        return self._subscribers.subscribe(signal)

    def cancel(self, *operations: Reference | Iterable[Reference]) -> None:
        """Ask for operations to be cancelled, all that have not ended when none is named.

        Returns at once; the answer arrives as an Update. The wait goes on until the operations end.

        Args:
            *operations: Ids, snapshots, or what else stands for one operation or several.

        Raises:
            NotWatched: One of them is not watched here; it is a KeyError too. Then none is cancelled.
            NotAnOperation: One of them stands for none.
        """
        ids = list(references.ids_of(*operations)) if operations else self.ids
        with self._lock:
            unfinished = self._state.note_cancel(dict.fromkeys(ids))
        self.poller.cancel_followed(unfinished)
        self._signal()

    def stop(self) -> None:
        """Stop watching; the operations go on. What waits on this watch ends with WatchStopped."""
        with self._lock:
            if self._stopped or self._state.all_ended:
                return
            self._stopped = True
            readers = list(self._subscribers.readers)
        with contextlib.suppress(errors.WatchStopped):  # a closed client's poller follows nothing any more
            self.poller.unfollow(self._state.entries, self)
        for read in readers:
            read(None)
        self._signal()

    def wait(
        self,
        timeout: float | None = None,
        return_when: ReturnWhen = ReturnWhen.ALL,
        *,
        tick: Callable[[], object] | None = None,
    ) -> Operations[Operation | None]:
        """Block until the operations have ended.

        Args:
            timeout: Seconds for the whole wait; None waits for ever, 0 asks once, what is negative has passed.
            return_when: What ends the wait; FIRST returns even if the first to end failed.
            tick: As for `wait_until`.

        Returns:
            The newest snapshots, in the order given.

        Raises:
            WaitInterrupted: The wait was interrupted. Nothing was cancelled, and the watch goes on.
            WatchStopped: The watch was stopped meanwhile.
            OperationsError: As for `OperationClient.wait_all`, and so TypeError and ValueError.
        """
        deadline = self._deadline(timeout, return_when, time.monotonic())
        with self._logged(deadline):
            self._block(lambda: self._is_over(deadline), deadline, tick)
            self.read_stderr(deadline, tick)
            return self._outcome(deadline)

    def wait_until(
        self, condition: Callable[[], bool], timeout: float | None = None, tick: Callable[[], object] | None = None
    ) -> bool:
        """Block until a condition holds, or this watch will bring nothing new.

        Args:
            condition: Looked at whenever `view` is newer, and at each tick; it must be quick.
            timeout: Seconds to wait at most; None for no limit.
            tick: Called about every 0.05 s on the waiting thread, for what has to go on meanwhile.

        Returns:
            Whether the condition holds: it may not at the end of the operations, of the watch or of the time.

        Raises:
            WaitInterrupted: The wait was interrupted. Nothing was cancelled, and the watch goes on.
            OperationsError: This is the thread that asks about operations, which cannot wait for itself.
        """
        deadline = Deadline.of(timeout, ReturnWhen.ALL, time.monotonic(), once=0.0)
        self._block(lambda: condition() or self.done or self._is_stopped(), deadline, tick)
        return condition()

    def read_stderr(self, deadline: Deadline, tick: Callable[[], object] | None = None) -> None:
        """Read the end of stderr of what has failed, for 3 s at most: for who shows what nobody waits for."""
        with self._stderr(deadline, time.monotonic()) as reading:
            self._block(lambda: reading.is_over, reading.deadline, tick)

    def _block(self, is_over: Callable[[], bool], deadline: Deadline, tick: Callable[[], object] | None) -> None:
        self.poller.refuse_to_block()
        try:
            self._subscribers.wait(is_over, deadline, tick)
        except KeyboardInterrupt:
            with self._lock:
                unfinished = self._state.unfinished()
            raise errors.interrupted(unfinished) from None

    async def wait_async(
        self, timeout: float | None = None, return_when: ReturnWhen = ReturnWhen.ALL
    ) -> Operations[Operation | None]:
        """Wait like `wait`, on the running event loop, whichever it is."""
        deadline = self._deadline(timeout, return_when, asyncio.get_running_loop().time())
        with self._logged(deadline):
            await self._subscribers.wait_async(lambda: self._is_over(deadline), deadline)
            with self._stderr(deadline, asyncio.get_running_loop().time()) as reading:
                await self._subscribers.wait_async(lambda: reading.is_over, reading.deadline)
            return self._outcome(deadline)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __await__(self) -> Generator[Any, None, Operations[Operation | None]]:
        return self.wait_async().__await__()

    def __iter__(self) -> Iterator[Update]:
        """Iterate over the updates, what is known already first; ends when every operation has ended."""
        self.poller.refuse_to_block()
        yield from self._subscribers.updates(self._known, self._is_stopped)

    def __aiter__(self) -> AsyncIterator[Update]:
        """Iterate like `__iter__`, on the running event loop."""
        return self._subscribers.updates_async(self._known)

    def on_updates(self, updates: list[Update]) -> None:
        """Take over what the poller learned (`ds_ops_magic.polling.listeners.Listener`)."""
        if self._history is not None:  # first: who has waited for these finds them in the history
            try:
                updates = self._history.on_updates(updates)
            except Exception:
                _log.exception("the history of %r failed", self)
        with self._lock:
            news = [new for update in updates if (new := self._state.apply(update)) is not None]
            over = self._state.all_ended
            readers = list(self._subscribers.readers)
        for read in readers:
            for update in news:
                read(update)
            if over:
                read(None)
        self._signal()

    def _deadline(self, timeout: float | None, return_when: ReturnWhen, now: float) -> Deadline:
        return Deadline.of(timeout, return_when, now, self.poller.time_to_ask(len(self._state.entries)))

    @contextlib.contextmanager
    def _logged(self, deadline: Deadline) -> Iterator[None]:
        _log.info("wait begins: %s, %s", self, deadline)
        try:
            yield
        except BaseException as error:
            _log.info("wait ends with %s: %s", type(error).__name__, self)
            raise
        _log.info("wait ends: %s", self)

    def _is_over(self, deadline: Deadline) -> bool:
        with self._lock:
            asked = deadline.once and self._state.all_seen
            return self._is_stopped() or asked or self._state.is_settled(deadline.return_when)

    @contextlib.contextmanager
    def _stderr(self, deadline: Deadline, now: float) -> Iterator[LastStderr]:
        """Read the last lines of stderr of what has failed, for its error and the panel."""
        from ds_ops_magic.log_reading import LastStderr  # with what only logs need

        with self._lock:
            failed = {} if self._is_stopped() else self._state.take_failed(deadline.return_when)
        reading = LastStderr(self.poller, failed, self.stderr_lines, self._signal, deadline, now)
        try:
            yield reading
        finally:
            with self._lock:
                self._state.note_stderr(reading.close())

    def _outcome(self, deadline: Deadline) -> Operations[Operation | None]:
        """Return or raise the outcome of a wait that is over."""
        with self._lock:
            operations, unfinished = self.operations, self._state.unfinished()
            settled = self._state.is_settled(deadline.return_when)
            failed = self._state.failures(deadline.return_when)
        if not settled:
            if self.poller.has_died:
                raise errors.thread_ended(unfinished)
            if self._is_stopped() or deadline.timeout is None:
                raise errors.stopped(unfinished)
            raise errors.timed_out(unfinished, operations, deadline.timeout, self.poller.health.last_status)
        if failed:
            raise group_error(failed, operations, len(self._state.entries))
        return operations

    def _is_stopped(self) -> bool:
        return self._stopped or self.poller.left_in_parent or self.poller.has_died

    def _known(self) -> Iterator[Update | None]:
        for entry in self._state.entries.values():
            if entry.operation is not None or entry.error is not None:
                yield Update(entry.id, None, entry.operation, entry.error)
        if self._is_stopped() or self._state.all_ended:
            yield None

    def _signal(self) -> None:
        self._subscribers.signal(on_poller_thread=self.poller.is_current())
