"""Work for one thread, put in a queue by any other."""

from __future__ import annotations

import collections
import logging
import time
from typing import TYPE_CHECKING

from ds_ops_magic.util.threads import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_GATHER = 0.5  # seconds in which work that is not urgent is gathered


class WorkQueue:
    """Callables in the order in which they were put there.

    An interrupt may come in any method: the work is in the queue or not, and the thread may see it only with the next.
    """

    def __init__(self) -> None:
        self._works: collections.deque[Callable[[], None]] = collections.deque()
        self._signal = Signal()
        self._is_urgent = False

    def __bool__(self) -> bool:
        return bool(self._works)

    def put(self, work: Callable[[], None], *, urgent: bool) -> None:
        """Add work. It is done twice where an interrupt comes as it is done."""
        self._works.append(work)
        if urgent:
            self.wake()
        else:
            self._signal.set()

    def wake(self) -> None:
        """End the waiting of the thread at once."""
        self._is_urgent = True
        self._signal.set()

    def wait(self, timeout: float | None) -> None:
        """Wait for work, seconds at most or without a limit, and for more of it where none is urgent."""
        if self._wait(timeout):
            until = time.monotonic() + _GATHER
            while not self._is_urgent and (left := until - time.monotonic()) > 0:
                self._signal.wait(left)

    def run_all(self) -> None:
        self._is_urgent = False  # first: what is put there from now on is urgent again
        for _ in range(len(self._works)):
            try:
                self._works[0]()
            except Exception:  # whatever it is: the others are to be done
                _log.exception("work of the history failed")
            self._works.popleft()  # only now: an interrupt may have come in it

    def _wait(self, timeout: float | None) -> bool:
        if timeout is None:
            return self._signal.wait(None)
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            if self._signal.wait(left):
                return True
        return False
