"""From when to when a client has an engine: from its first call to its close, its end, or the end of the process."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic import failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.engine.engine import Engine


_alive: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close the engines of clients that are alive at exit, before gRPC and the interpreter are taken down."""
    for engine in list(_alive):
        engine.close(at_exit=True)


class EngineOwner:
    """Starts an engine when it is needed, and closes it; a forked child gets one of its own.

    Args:
        make: Makes the engine. It must not hold the owner, whose end would then never come.
    """

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._pid = 0
        self._closed = False

    def started(self) -> Engine:
        """Return the engine of this process, started.

        Raises:
            WatchStopped: The owner was closed.
        """
        with self._lock:
            if self._closed:
                raise failures.closed()
            if self._engine is None or self._pid != os.getpid():
                self._engine, self._pid = self._make(), os.getpid()
                # For a client that is dropped without being closed.
                self._finalizer = weakref.finalize(self, self._engine.close)
                self._finalizer.atexit = False
                _alive.add(self._engine)
            return self._engine

    def close(self) -> None:
        """Close the engine, if this process has one; from now on there is none."""
        with self._lock:
            engine, self._engine = self._engine, None
            self._closed = True
        if engine is not None and self._pid == os.getpid():
            self._finalizer.detach()
            engine.close()
