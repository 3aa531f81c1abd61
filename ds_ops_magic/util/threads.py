"""Daemon threads: starting and waking one, also where Stop may interrupt at any step, and an executor of them.

Those of ``ThreadPoolExecutor`` keep the process alive: they are joined when it ends, without a limit and before
anything registered with `atexit` could ask the work on them to stop.
"""

from __future__ import annotations

import _thread
import collections
import contextlib
import functools
import os
import queue
import threading
import time
from concurrent import futures
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_SLEEP = 1.0
"""Seconds of one sleep. The signal of Stop may be taken by another thread, and does not wake this one then; and clocks
refuse to sleep for millions of years."""


class ThreadLimitReached(RuntimeError):
    """The system allows the process, or its user, no more threads."""


class Signal:
    """Wakes a thread that waits, from any other; waiting takes the signal back.

    It is made of a queue that is written in C. Of a `threading.Event`, a Condition or a Future an interrupt of the main
    thread, which may come between any two steps of theirs, can leave a lock held, for which all others wait for ever.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Wake the thread that waits, or the next one that will. Never blocks."""
        if self._queue.empty():
            self._queue.put(None)

    def wait(self, seconds: float | None) -> bool:
        """Wait for `LONGEST_SLEEP` at most or, on a thread that nobody interrupts, without limit (None)."""
        try:
            self._queue.get(timeout=None if seconds is None else max(0.0, min(seconds, LONGEST_SLEEP)))
        except queue.Empty:
            return False
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        return True


def start(thread: threading.Thread) -> None:
    """Start a thread. After an interrupt of the main thread it has started, or will, or never does; it never hangs.

    Raises:
        ThreadLimitReached: The system allows no more threads.
    """
    try:
        # `Thread.start` waits by an Event. An interrupt in there can leave its lock held, and the new thread waits for
        # that for ever; nor would the list of threads ever be without it.
        _apart(thread.start, lambda run: _thread.start_new_thread(run, ()))
    except RuntimeError as error:
        raise ThreadLimitReached(*error.args) from None


def uninterrupted(function: Callable[[], T]) -> T:
    """Run a function on a thread that no interrupt reaches, and return what it gives.

    An interrupt ends only the waiting for it. Where no thread can be started it runs here.
    """

    def begin(run: Callable[[], None]) -> None:
        try:
            start(threading.Thread(target=run, name="ds_ops_magic", daemon=True))
        except ThreadLimitReached:
            run()

    return _apart(function, begin)


def _apart(function: Callable[[], T], begin: Callable[[Callable[[], None]], object]) -> T:
    # On a thread that is never interrupted: not the main one, instead of which `begin` starts one. It is waited for
    # with a lock, which an interrupt leaves as it is.
    if threading.get_ident() == threading.main_thread().ident:
        work, over = Work(futures.Future(), function), threading.Lock()

        def run() -> None:
            try:
                work.run()
            finally:
                over.release()

        over.acquire()
        begin(run)
        over.acquire()
        result: T = work.future.result()
        return result
    return function()


class Work(NamedTuple):
    """A callable, and the future that gets its result."""

    future: futures.Future[Any]
    function: Callable[[], Any]

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.function()
        except BaseException as error:  # it is for whoever has the future, as with any executor
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class DaemonThreads(futures.Executor):
    """Runs callables on daemon threads, in the order in which they came. A thread that finds nothing to do ends."""

    def __init__(self, name: str, max_threads: int | None = None) -> None:
        self._name = name
        self._max_threads = max_threads or min(32, (os.cpu_count() or 1) + 4)  # as a ThreadPoolExecutor has
        self._lock = threading.Lock()
        self._waiting: collections.deque[Work] = collections.deque()
        self._workers: set[threading.Thread] = set()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> futures.Future[T]:
        """Have a callable run; raises `ThreadLimitReached` where no thread is there and none can be started."""
        work = Work(futures.Future(), functools.partial(fn, *args, **kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if len(self._workers) < self._max_threads:
                self._start_worker()
            self._waiting.append(work)
        return work.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more callables; waits for those that are not cancelled."""
        with self._lock:
            self._closed = True
            workers = list(self._workers)
            dropped = list(self._waiting) if cancel_futures else []
            if cancel_futures:
                self._waiting.clear()
        for work in dropped:
            work.future.cancel()
        if wait:
            for worker in workers:
                worker.join()

    def _start_worker(self) -> None:
        worker = threading.Thread(target=self._work, name=self._name, daemon=True)
        try:
            start(worker)  # it waits for the lock, and so for the work
        except ThreadLimitReached:
            if not self._workers:  # else one of those takes it, later
                raise
        else:
            self._workers.add(worker)

    def _work(self) -> None:
        while (work := self._next()) is not None:
            work.run()

    def _next(self) -> Work | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._workers.remove(threading.current_thread())
            return None


def join_all(name: str, timeout: float) -> None:
    """Wait for the threads of every executor of a name, for so many seconds in all."""
    deadline = time.monotonic() + timeout
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(max(0.0, deadline - time.monotonic()))
