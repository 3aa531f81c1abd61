"""A daemon thread with an event loop of its own, and the way into it from any other thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from ds_ops_magic import failures
from ds_ops_magic.errors import WatchStopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

_log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


class BackgroundLoop:
    """Runs an event loop on a daemon thread from `start` until `close`.

    Args:
        name: Name of the thread.
        setup: Runs on the loop before anything else.
        teardown: Runs on the loop as the last thing, when every task has been cancelled.
    """

    def __init__(self, name: str, setup: Callable[[], None], teardown: Callable[[], Awaitable[None]]) -> None:
        self._setup = setup
        self._teardown = teardown
        self._tasks: set[asyncio.Task[Any]] = set()
        # Re-entrant, because the collector may close a forgotten client from inside a call of another.
        self._lock = threading.RLock()
        self._closed = self._abandoned = False
        self.at_exit = False
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread and run the setup; what that raises is raised here."""
        self._thread.start()
        self._ready.result()

    def time(self) -> float:
        """Return the loop's monotonic time, in seconds."""
        return self.loop.time()

    def is_current(self) -> bool:
        """Tell whether this runs on the loop's own thread."""
        return threading.current_thread() is self._thread

    def soon(self, work: Callable[..., object], *args: Any) -> None:
        """Run work on the loop. May be called from any thread; returns at once.

        Raises:
            WatchStopped: The loop was closed.
        """
        with self._lock:
            if self._closed:
                raise failures.stopped([]) if self._abandoned else failures.closed()
            self.loop.call_soon_threadsafe(work, *args)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task; only on the loop itself. It is cancelled when the loop is closed."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def run(self, work: Callable[[], Coroutine[Any, Any, ResultT]]) -> concurrent.futures.Future[ResultT]:
        """Run a coroutine on the loop and return its result to come. May be called from any thread.

        Cancel the result to have the work cancelled, at whatever it is.

        Raises:
            WatchStopped: The loop was closed; the future has it too, when that happens meanwhile.
        """
        result: concurrent.futures.Future[ResultT] = concurrent.futures.Future()

        async def relay() -> None:
            try:
                value = await work()
            except asyncio.CancelledError:
                if not self.at_exit:
                    settle(result.set_exception, failures.closed())
            except Exception as error:
                settle(result.set_exception, error)
            else:
                settle(result.set_result, value)

        def settle(how: Callable[[Any], None], outcome: object) -> None:
            with contextlib.suppress(concurrent.futures.InvalidStateError):  # it was cancelled meanwhile
                how(outcome)

        def begin() -> None:
            if not result.cancelled():
                task = self.spawn(relay())
                result.add_done_callback(lambda _: self._withdraw(task) if result.cancelled() else None)

        self.soon(begin)
        return result

    def close(self, *, at_exit: bool = False) -> None:
        """Cancel every task, run the teardown and end the thread. Waits a second at most.

        Args:
            at_exit: The process is ending: who still waits for a result waits on a daemon thread, and is left there,
                because the error would only be printed.
        """
        with self._lock:
            if not self._closed:
                self._closed, self.at_exit = True, at_exit
                self.loop.call_soon_threadsafe(self._stopping.set)
        if not self.is_current():
            self._thread.join(1.0)

    def abandon(self) -> None:
        """Note in a forked child that the thread has stayed in the parent: nothing runs here any more."""
        self._lock = threading.RLock()  # the old one may be held by a thread that is not here
        self._closed = self._abandoned = True

    def _withdraw(self, task: asyncio.Task[None]) -> None:
        with contextlib.suppress(WatchStopped):  # closing cancels it too
            self.soon(task.cancel)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task of %s failed", self._thread.name, exc_info=task.exception())

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._setup()
        self._ready.set_result(None)
        await self._stopping.wait()
        while self._tasks:  # one that ends may start another
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._teardown()
