"""Blocking work on a thread of its own, so that whoever needs its result waits only as long as there is time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from ds_ops_magic.model.errors import thread_limit
from ds_ops_magic.util import threads
from ds_ops_magic.util.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Callable

ResultT = TypeVar("ResultT")


def in_background(work: Callable[[], ResultT], name: str = "ds_ops_magic connecting") -> Pending[ResultT]:
    """Run blocking work on a daemon thread: an executor's threads would keep Python from exiting.

    It goes on where nobody waits for its result any more. Raises OperationsError where no thread can be started.
    """
    pending: Pending[ResultT] = Pending()

    def run() -> None:
        try:
            pending.settle(work())
        except BaseException as error:
            pending.fail(error)

    try:
        threads.start(threading.Thread(target=run, name=name, daemon=True))
    except threads.ThreadLimitReached as error:
        raise thread_limit(error) from None
    return pending
