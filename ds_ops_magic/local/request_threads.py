"""The threads that answer calls, some of which may wait for a request that never arrives whole.

gRPC gives a call a thread as soon as its headers have arrived, and lets the thread wait for the body. So a client that
sends headers alone would take every thread of a pool. Here such threads do not count, and do not wait for ever.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import time
from concurrent import futures
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from ds_ops_magic.model.errors import thread_limit
from ds_ops_magic.util import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

REQUEST_TIMEOUT = 5.0
"""Seconds that a call may take to send its request."""

MAX_THREADS = 256

_BASE_THREADS = 8  # not counting those that wait for a request
_STALL = 0.02
"""Seconds without a call being taken, while one is queued, after which threads are added."""
_MOMENT = 0.25
"""Seconds that a call has for its request at least, where no more threads can be added: on a busy machine, too, the
requests of most calls have arrived by then."""


class _Waiting(NamedTuple):
    since: float
    cancel: Callable[[], object]


class RequestThreads(futures.Executor):
    """An executor of daemon threads, for a gRPC server; ``request_timeout`` as `REQUEST_TIMEOUT`."""

    def __init__(self, name: str, request_timeout: float, max_threads: int) -> None:
        self._name = name
        self._request_timeout = request_timeout
        self._max_threads = max_threads
        self._queue: queue.SimpleQueue[threads.Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._workers = 0
        self._idle = 0
        self._taken = 0
        self._waiting: dict[int, _Waiting] = {}
        self._wake = threading.Event()
        self._asleep = False
        self._closed = False
        try:
            with self._lock:
                self._start_worker()
            threads.start(threading.Thread(target=self._watch, name=name, daemon=True))
        except threads.ThreadLimitReached as error:
            self.shutdown()
            raise thread_limit(error) from None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> futures.Future[T]:
        """Run a callable. Never raises: gRPC calls this on the one thread that serves every call."""
        work = threads.Work(futures.Future(), functools.partial(fn, *args, **kwargs))
        with self._lock:
            self._queue.put(work)
            if self._idle:
                self._idle -= 1
            elif self._workers < _BASE_THREADS:
                with contextlib.suppress(threads.ThreadLimitReached):  # a thread that exists takes it, later
                    self._start_worker()
            elif not self._wake.is_set():
                self._wake.set()
        return work.future

    def receive(self, requests: Iterator[T], cancel: Callable[[], object]) -> T | None:
        """Wait on this thread for the request of a call, and return it; None where the call has none.

        ``cancel`` ends the waiting, from another thread; the iterator then raises.
        """
        thread_id = threading.get_ident()
        # No lock: every call passes here, and each of these steps is atomic. Added before `_asleep` is read (`_watch`).
        self._waiting[thread_id] = _Waiting(time.monotonic(), cancel)
        if self._asleep:
            self._wake.set()
        try:
            return next(requests, None)
        finally:
            del self._waiting[thread_id]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end after their current call, without waiting for them."""
        with self._lock:
            self._closed = True
            for _ in range(self._workers):
                self._queue.put(None)
        self._wake.set()

    def _start_worker(self) -> None:
        threads.start(threading.Thread(target=self._work, name=self._name, daemon=True))
        self._workers += 1

    def _work(self) -> None:
        while (work := self._next()) is not None:
            self._taken += 1
            work.run()
            del work  # what it references is freed now, and not with the next call

    def _next(self) -> threads.Work | None:
        with self._lock:
            if not self._queue.empty():  # only idle threads take from it without the lock
                with contextlib.suppress(queue.Empty):
                    return self._queue.get_nowait()
            if not self._closed and self._workers - len(self._waiting) > _BASE_THREADS:
                self._workers -= 1
                return None
            self._idle += 1
        return self._queue.get()

    def _watch(self) -> None:
        seen = -1
        while not self._closed:
            # While calls come, most of which wait for an instant, it looks at intervals, and need not be woken by each.
            self._asleep = seen == self._taken
            self._wake.wait(self._until_next())
            self._wake.clear()
            seen = self._taken
            self._cancel_waiting_for(self._request_timeout)
            while not (self._closed or self._queue.empty()):
                if self._is_stalled():
                    self._add_threads()

    def _until_next(self) -> float | None:
        waiting = self._longest_waiting()
        if waiting:
            return max(0.0, waiting[0].since + self._request_timeout - time.monotonic())
        return None if self._asleep else self._request_timeout

    def _cancel_waiting_for(self, seconds: float) -> None:
        then = time.monotonic() - seconds
        for waiting in self._longest_waiting():
            if waiting.since <= then:
                waiting.cancel()

    def _longest_waiting(self) -> list[_Waiting]:
        return list(self._waiting.values())  # in the order in which they came

    def _is_stalled(self) -> bool:
        before = self._taken
        time.sleep(_STALL)
        return self._taken == before

    def _add_threads(self) -> None:
        # One thread per queued call; if none can be started, calls that have long waited for a request are ended.
        with self._lock:
            missing = min(self._queue.qsize(), self._max_threads - self._workers)
            try:
                for _ in range(missing):
                    self._start_worker()
            except threads.ThreadLimitReached:
                missing = 0
        if not missing:
            self._cancel_waiting_for(_MOMENT)
