"""From when to when a client has an engine: from its first call to its close, its end, or the end of the process."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.model import failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.polling.poller import Engine


_alive: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close the engines of clients that are alive at exit, before gRPC and the interpreter are taken down."""
    for engine in list(_alive):
        engine.close(at_exit=True)


class EngineOwner:
    """Starts an engine when it is needed, and closes it; a forked child gets one of its own.

    Args:
        make: Makes the engine, which closes itself when what it is given has become None: a reference to this owner.
    """

    def __init__(self, make: Callable[[weakref.ref[EngineOwner]], Engine]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._pid = 0
        self._closed = False

    def started(self) -> Engine:
        """Return the engine of this process, started; a new one where the last has died.

        Raises:
            WatchStopped: The owner was closed.
            OperationsError: The system allows no more threads.
        """
        with self._lock:
            if self._closed:
                raise failures.closed()
            engine = self._engine
            if engine is None or self._pid != os.getpid() or engine.has_died:
                engine = self._make(weakref.ref(self))
                # Known before its thread starts: wherever an interrupt comes, there is somebody to end it.
                _alive.add(engine)
                self._engine, self._pid = engine, os.getpid()
        engine.start()
        return engine

    def close(self) -> None:
        """Close the engine, if this process has one; from now on there is none."""
        with self._lock:
            engine, self._engine = self._engine, None
            self._closed = True
        if engine is not None and self._pid == os.getpid():
            engine.close()
