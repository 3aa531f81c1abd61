"""A result that another thread will give; Stop may interrupt the waiting for it at any step."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from ds_ops_magic.util.threads import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

ResultT = TypeVar("ResultT")


class Pending(Generic[ResultT]):
    """A result to come: like `concurrent.futures.Future`, without locks that an interrupt can leave held.

    Args:
        cancelled: Called, on the thread that cancels, when nobody wants the result any more.
    """

    def __init__(self, cancelled: Callable[[Pending[ResultT]], None] | None = None) -> None:
        self._on_cancel = cancelled
        self._signal = Signal()
        self._results: list[ResultT] = []
        self._error: BaseException | None = None
        self.cancelled = False  # whether nobody wants the result any more

    @property
    def done(self) -> bool:
        return bool(self._results) or self._error is not None

    def settle(self, result: ResultT) -> None:
        """Give the result; what came first stays."""
        if not self.done:
            self._results.append(result)
            self._signal.set()

    def fail(self, error: BaseException) -> None:
        if not self.done:
            self._error = error
            self._signal.set()

    def result(self, timeout: float = math.inf) -> ResultT:
        """Wait for the result and return it, or raise the error in its place; TimeoutError after so many seconds."""
        if not self.ended_within(timeout):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._results[0]

    def ended_within(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while not self.done and (left := deadline - time.monotonic()) > 0:
            if self._signal.wait(left):
                self._signal.set()  # others may wait too
        return self.done

    def cancel(self) -> bool:
        """Return False where the result is there already."""
        if self.done:
            return False
        self.cancelled = True
        if self._on_cancel is not None:
            self._on_cancel(self)
        return True
