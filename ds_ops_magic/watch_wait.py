"""Waiting on a Watch: until its operations have ended, or a condition holds; sync and awaitable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.model import wait_errors
from ds_ops_magic.model.group_errors import group_error
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.waiting import Deadline, ReturnWhen

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterator

    from ds_ops_magic.log_reading import LastStderr
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.polling.poller import Poller
    from ds_ops_magic.watch_state import WatchState
    from ds_ops_magic.watch_updates import Subscribers

_log = logging.getLogger("ds_ops_magic.watch")


class WatchWait:
    """The waits of a Watch, which brings what they look at."""

    ids: tuple[str, ...]
    poller: Poller  # for what else is read of its operations
    stderr_lines: int  # that are read of each job that failed, when a wait is over
    _state: WatchState
    _lock: threading.RLock
    _subscribers: Subscribers
    _stopped: bool

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

    def __await__(self) -> Generator[Any, None, Operations[Operation | None]]:
        return self.wait_async().__await__()

    def _block(self, is_over: Callable[[], bool], deadline: Deadline, tick: Callable[[], object] | None) -> None:
        self.poller.refuse_to_block()
        try:
            self._subscribers.wait(is_over, deadline, tick)
        except KeyboardInterrupt:
            with self._lock:
                unfinished = self._state.unfinished()
            raise wait_errors.interrupted(unfinished) from None

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
                raise wait_errors.thread_ended(unfinished)
            if self._is_stopped() or deadline.timeout is None:
                raise wait_errors.stopped(unfinished)
            raise wait_errors.timed_out(unfinished, operations, deadline.timeout, self.poller.health.last_status)
        if failed:
            raise group_error(failed, operations, len(self._state.entries))
        return operations

    def _is_stopped(self) -> bool:
        return self._stopped or self.poller.left_in_parent or self.poller.has_died

    def _signal(self) -> None:
        self._subscribers.signal(on_poller_thread=self.poller.is_current())
