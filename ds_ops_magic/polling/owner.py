"""The lifetime of a client's poller: from the first call until the client is closed or gone, or the process ends."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.model import wait_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.polling.poller import Poller

_alive: weakref.WeakSet[Poller] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for poller in list(_alive):  # before gRPC and the interpreter are taken down
        poller.close(at_exit=True)


class PollerOwner:
    """Starts a poller when it is needed, and closes it; a forked child gets one of its own.

    ``make`` is given a weak reference to the owner: when that is dead, the poller closes itself.
    """

    def __init__(self, make: Callable[[weakref.ref[PollerOwner]], Poller]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._poller: Poller | None = None
        self._pid = 0
        self._closed = False

    def started(self) -> Poller:
        """Return the poller of this process, started; a new one where the last has died. Raises WatchStopped."""
        with self._lock:
            if self._closed:
                raise wait_errors.closed()
            poller = self._poller
            if poller is None or self._pid != os.getpid() or poller.has_died:
                poller = self._make(weakref.ref(self))
                # Known before its thread starts: wherever an interrupt comes, there is somebody to end it.
                _alive.add(poller)
                self._poller, self._pid = poller, os.getpid()
        poller.start()
        return poller

    def close(self) -> None:
        with self._lock:
            poller, self._poller = self._poller, None
            self._closed = True
        if poller is not None and self._pid == os.getpid():
            poller.close()
