"""The threads that answer calls, of which some may wait for a request that never comes whole.

gRPC gives a call a thread as soon as its headers are there, and lets the thread wait for the body. Whoever sends
headers alone would so take every thread of a pool. Here those that wait are not in the way of the others, nor wait for
ever.
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

PATIENCE = 5.0
"""Seconds that a call may take to send its request."""

MOST = 256
"""How many threads there are at most."""

_USUAL = 8  # besides those that wait for a request
_STALL = 0.02
"""Seconds without a call being taken, while one is there to be taken, after which there are more threads."""


class _Waiting(NamedTuple):
    since: float
    give_up: Callable[[], object]


class AnsweringThreads(futures.Executor):
    """Runs what answers calls, on daemon threads.

    Args:
        name: Of the threads.
        patience: Seconds that a call may take to send its request.
        most: How many threads there are at most.

    Raises:
        OperationsError: No thread can be started.
    """

    def __init__(self, name: str, patience: float, most: int) -> None:
        self._name = name
        self._patience = patience
        self._most = most
        self._work: queue.SimpleQueue[threads.Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._workers = 0
        self._idle = 0
        self._taken = 0
        self._looked_at = 0
        self._waiting: dict[int, _Waiting] = {}
        self._look = threading.Event()
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
        """Have a callable run. It never raises: gRPC does this on the one thread that serves every call."""
        work = threads.Work(futures.Future(), functools.partial(fn, *args, **kwargs))
        with self._lock:
            self._work.put(work)
            if self._idle:
                self._idle -= 1
            elif self._workers < _USUAL:
                with contextlib.suppress(threads.ThreadLimitReached):  # one of those that there are takes it, later
                    self._start_worker()
            elif not self._look.is_set():
                self._look.set()
        return work.future

    def wait_for(self, requests: Iterator[T], give_up: Callable[[], object]) -> T | None:
        """Wait on this thread for the request of a call.

        Args:
            requests: Gives it.
            give_up: Ends the waiting, from another thread; the iterator then raises.

        Returns:
            The request, None where the call has none.
        """
        me = threading.get_ident()
        # No lock: it is on the way of every call, and each of these steps is one. First there, then seen (`_watch`).
        self._waiting[me] = _Waiting(time.monotonic(), give_up)
        if self._asleep:
            self._look.set()
        try:
            return next(requests, None)
        finally:
            del self._waiting[me]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end when they have answered; nobody waits for them."""
        with self._lock:
            self._closed = True
            for _ in range(self._workers):
                self._work.put(None)
        self._look.set()

    def _start_worker(self) -> None:
        threads.start(threading.Thread(target=self._answer, name=self._name, daemon=True))
        self._workers += 1

    def _answer(self) -> None:
        while (work := self._next()) is not None:
            self._taken += 1
            work.run()
            del work  # what it holds goes now, and not with the next call

    def _next(self) -> threads.Work | None:
        with self._lock:
            if not self._work.empty():  # it is taken under the lock alone, but for those that are idle
                with contextlib.suppress(queue.Empty):
                    return self._work.get_nowait()
            if not self._closed and self._workers - len(self._waiting) > _USUAL:
                self._workers -= 1
                return None
            self._idle += 1
        return self._work.get()

    def _watch(self) -> None:
        seen = -1
        while not self._closed:
            # While calls come, most of which wait for an instant, it looks now and then, and need not be woken by each.
            self._asleep = seen == self._taken
            self._look.wait(self._until_next())
            self._look.clear()
            seen = self._taken
            self._end_overdue()
            while not (self._closed or self._work.empty()):
                if self._is_stalled():
                    self._make_room()

    def _until_next(self) -> float | None:
        """Return the seconds until somebody may have waited for too long; None: for ever."""
        waiting = self._waiting_longest()
        if waiting:
            return max(0.0, waiting[0].since + self._patience - time.monotonic())
        return None if self._asleep else self._patience

    def _end_overdue(self) -> None:
        overdue = time.monotonic() - self._patience
        for waiting in self._waiting_longest():
            if waiting.since <= overdue:
                waiting.give_up()

    def _waiting_longest(self) -> list[_Waiting]:
        return list(self._waiting.values())  # in the order in which they came

    def _is_stalled(self) -> bool:
        """Tell whether no call is taken for a moment."""
        before = self._taken
        time.sleep(_STALL)
        return self._taken == before

    def _make_room(self) -> None:
        """Start as many threads as calls are there; where no more may be, end who has waited longest for a request."""
        with self._lock:
            missing = min(self._work.qsize(), self._most - self._workers)
            try:
                for _ in range(missing):
                    self._start_worker()
            except threads.ThreadLimitReached:
                missing = 0
        waiting = self._waiting_longest()
        for one in waiting[: 0 if missing else 1 + len(waiting) // 2]:
            one.give_up()
