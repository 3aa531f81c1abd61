"""Blocking work that has no deadline of its own, and who waits for it only so long."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from ds_ops_magic.model.errors import thread_limit
from ds_ops_magic.util import threads
from ds_ops_magic.util.pending import Pending
from ds_ops_magic.util.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable

ResultT = TypeVar("ResultT")


class Beside(Generic[ResultT]):
    """Work that runs on a daemon thread of its own from now on; an executor's threads would keep Python from exiting.

    Args:
        work: What to do.
        name: Name of the thread.

    Raises:
        OperationsError: No thread can be started.
    """

    def __init__(self, work: Callable[[], ResultT], name: str = "ds_ops_magic connecting") -> None:
        self._pending: Pending[ResultT] = Pending()
        try:
            threads.start(threading.Thread(target=self._run, args=(work,), name=name, daemon=True))
        except threads.ThreadLimitReached as error:
            raise thread_limit(error) from None

    def ended_within(self, seconds: float) -> bool:
        """Wait so long at most, and tell whether it has ended."""
        return self._pending.ended_within(seconds)

    def result(self, seconds: float = math.inf) -> ResultT:
        """Return what the work gives, or raise what it raises.

        Raises:
            TimeoutError: It has not ended in so many seconds. It goes on.
        """
        if not self.ended_within(seconds):
            raise TimeoutError(f"no answer within {duration(seconds)}")
        return self._pending.result()

    def _run(self, work: Callable[[], ResultT]) -> None:
        try:
            self._pending.settle(work())
        except BaseException as error:
            self._pending.fail(error)
