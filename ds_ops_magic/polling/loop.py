"""A daemon thread with an event loop of its own, and the way into it from any other thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from ds_ops_magic.model import errors, wait_errors
from ds_ops_magic.model.errors import WatchStopped
from ds_ops_magic.util import threads
from ds_ops_magic.util.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

_log = logging.getLogger(__name__)
_OWNER_CHECK_INTERVAL = 1.0  # seconds
ResultT = TypeVar("ResultT")


class BackgroundLoop:
    """Runs an event loop on a daemon thread from `start` until `close`.

    ``setup`` runs on the loop first, ``teardown`` last, when every task has been cancelled; ``died`` runs on the thread
    when the loop has ended though nobody closed it. When ``owner`` returns None, the loop closes itself; it is called
    once a second, in place of a finalizer: one that is interrupted loses the interrupt and what it had still to do.
    """

    def __init__(
        self,
        name: str,
        setup: Callable[[], None],
        teardown: Callable[[], Awaitable[None]],
        died: Callable[[WatchStopped], None] | None = None,
        owner: Callable[[], object] = lambda: True,
    ) -> None:
        self._name = name
        self._setup = setup
        self._teardown = teardown
        self._on_death = died
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unsettled: set[Pending[Any]] = set()
        # Re-entrant: the collector may run somebody's finalizer amid a call, which stops a watch or closes this.
        self._lock = threading.RLock()
        self._closed = self._abandoned = self._has_loop = False
        self.at_exit = False
        self._ready: Pending[None] = Pending()
        self._thread: threading.Thread | None = None
        self._entered = threading.Lock()

    def start(self) -> None:
        """Start the thread and wait for the setup, whose error is raised. May be called again after an interrupt."""
        if not self._ready.done:
            with self._lock:
                if self._closed:
                    raise self._why_over()
                if self._thread is None:
                    try:
                        threads.start(threading.Thread(target=self._main, name=self._name, daemon=True))
                    except threads.ThreadLimitReached as error:
                        raise errors.thread_limit(error) from None
        self._ready.result()

    def time(self) -> float:
        return self.loop.time()

    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    @property
    def has_died(self) -> bool:
        """Whether it has ended, or never came up, though nobody closed it."""
        return self._ready.done and not self._has_loop and not self._closed

    def refuse_to_block(self) -> None:
        """Raise on the loop's own thread: it would wait for itself."""
        if self.is_current():
            raise errors.blocking_subscriber()

    def soon(self, work: Callable[..., object], *args: Any) -> None:
        """Run work on the loop. May be called from any thread. Raises WatchStopped where the loop is over."""
        with self._lock:
            if self._closed or not self._has_loop:
                raise self._why_over()
            self._call_soon(work, *args)

    def spawn(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> asyncio.Task[None]:
        """Start a task; only on the loop itself. It is cancelled when the loop is closed."""
        task = self.loop.create_task(_contained(work, *args))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def run(self, work: Callable[[], Coroutine[Any, Any, ResultT]]) -> Pending[ResultT]:
        """Run a coroutine on the loop and return its result to come. May be called from any thread but the loop's.

        To cancel the result cancels the work. Raises WatchStopped where the loop is over; when that happens meanwhile,
        the result does.
        """
        self.refuse_to_block()
        tasks: list[asyncio.Task[None]] = []

        def withdraw(_: Pending[ResultT]) -> None:
            with contextlib.suppress(WatchStopped):  # closing cancels it too
                self.soon(lambda: [task.cancel() for task in tasks])

        def begin() -> None:
            if not pending.cancelled:
                tasks.append(self.spawn(self._relay, work, pending))

        pending: Pending[ResultT] = Pending(withdraw)
        self._unsettled.add(pending)
        try:
            self.soon(begin)
        except BaseException:
            self._unsettled.discard(pending)
            raise
        return pending

    def close(self, *, at_exit: bool = False) -> None:
        """Cancel every task, run the teardown and end the thread. Waits a second at most.

        At exit, daemon threads that wait for a result are left waiting: the error would only be printed.
        """
        with self._lock:
            if not self._closed:
                self._closed, self.at_exit = True, at_exit
                if self._has_loop:
                    self._call_soon(self._stopping.set)
        if self._thread is not None and not self.is_current():
            self._thread.join(1.0)

    def abandon(self) -> None:
        """Close it in a forked child: the thread has stayed in the parent."""
        self._lock = threading.RLock()  # the old one may be held by a thread that is not here
        self._closed = self._abandoned = True

    def _call_soon(self, work: Callable[..., object], *args: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(work, *args)
        except KeyboardInterrupt:
            # It may have come after the work was added, and before the loop was woken.
            self.loop.call_soon_threadsafe(int)
            raise
        except RuntimeError:  # the loop is closed: it has just died
            raise self._why_over() from None

    def _why_over(self) -> WatchStopped:
        if self._abandoned:
            return wait_errors.stopped([])
        return wait_errors.closed() if self._closed else wait_errors.thread_ended()

    async def _relay(self, work: Callable[[], Coroutine[Any, Any, ResultT]], pending: Pending[ResultT]) -> None:
        try:
            pending.settle(await work())
        except asyncio.CancelledError:
            if not self.at_exit:
                pending.fail(self._why_over())
        except BaseException as error:  # whoever waits gets it, whatever it is
            pending.fail(error)
        finally:
            self._unsettled.discard(pending)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task of %s failed", self._name, exc_info=task.exception())

    def _main(self) -> None:
        if not self._entered.acquire(blocking=False):
            return  # a start that was interrupted came through after all, and was made once more
        self._thread = threading.current_thread()
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._fail(error)
        else:
            self._ready.fail(wait_errors.closed())  # where it was closed before it was up
        finally:
            self._has_loop = False

    def _fail(self, error: BaseException) -> None:
        with self._lock:  # from now on `soon` refuses
            self._has_loop = False
        if not self._ready.done:
            self._ready.fail(error)
            return
        _log.error("%s has ended", self._name, exc_info=error)
        why = self._why_over()
        for pending in list(self._unsettled):
            pending.fail(why)
        self._unsettled.clear()
        if self._on_death is not None:
            self._on_death(why)

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        with self._lock:
            if self._closed:
                return
            self.loop = asyncio.get_running_loop()
        self._setup()
        with self._lock:
            self._has_loop = True
            if self._closed:
                self._stopping.set()
        self._ready.settle(None)
        stopping = self.loop.create_task(self._stopping.wait())
        while not stopping.done() and self._owner() is not None:
            await asyncio.wait({stopping}, timeout=_OWNER_CHECK_INTERVAL)
        with self._lock:
            self._closed = True
        stopping.cancel()
        while self._tasks:  # one that ends may start another
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # where all were done `wait` returns at once, and they have yet to leave the set
        await self._teardown()


async def _contained(work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
    """Run a task so that no exception of foreign code ends the loop; these two would."""
    try:
        await work(*args)
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"{type(error).__name__} in a task") from error
