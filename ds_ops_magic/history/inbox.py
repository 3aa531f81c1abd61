"""Work that any thread may tell one to do; whoever tells it may be interrupted at any moment."""

from __future__ import annotations

import collections
import contextlib
import logging
import queue
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_GATHER = 0.5  # seconds in which what is not urgent is gathered


class Inbox:
    """What is to be done, in the order in which it was told.

    Told with Ctrl-C in between it is there or not, or it waits for what is told next. The bell is no condition of
    Python's, as those of events are: interrupted at the wrong moment they stay locked for ever.
    """

    def __init__(self) -> None:
        self._works: collections.deque[Callable[[], None]] = collections.deque()
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()  # rung after each was put there: is it urgent?

    def __bool__(self) -> bool:
        return bool(self._works)

    def put(self, work: Callable[[], None], *, urgent: bool) -> None:
        """Add work, and ring. It is done twice where who does it is interrupted."""
        self._works.append(work)
        self.ring(urgent=urgent)

    def ring(self, *, urgent: bool = True) -> None:
        """Wake who listens."""
        self._bell.put(urgent)

    def listen(self, longest: float | None) -> None:
        """Wait until it rings, and for more of it where that was not urgent; for so many seconds at most."""
        with contextlib.suppress(queue.Empty):
            urgent = self._bell.get(timeout=longest)
            until = time.monotonic() + _GATHER
            while not urgent and (left := until - time.monotonic()) > 0:
                urgent = self._bell.get(timeout=left)

    def work_off(self) -> None:
        """Do what there is now."""
        with contextlib.suppress(queue.Empty):
            while True:  # first: what is put there from now on rings again
                self._bell.get_nowait()
        for _ in range(len(self._works)):
            try:
                self._works[0]()
            except Exception:  # whatever it is: the others are to be done
                _log.exception("what the history was told could not be done")
            self._works.popleft()  # only now: whoever does it may be interrupted
