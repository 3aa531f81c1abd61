"""The one thread of a kernel that redraws live panels."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from ds_ops_magic.util import threads
from ds_ops_magic.util.threads import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
AT_MOST_EVERY = 0.5
"""Seconds between two drawings, however much is new."""
AT_LEAST_EVERY = 1.0
"""Seconds between two drawings when nothing is new: clocks move on."""
A_MESSAGE = 0.3
"""Seconds that a message of a drawing delays the next one: any ten have fifty at most, with a large drawing too."""


class Drawer:
    """Calls the drawing functions of live panels, each until it says that it is over.

    The thread starts with the first panel and ends with the last. A drawing runs on it alone, so that traits are
    written by one thread; subscribers and button callbacks only call `wake` or `press`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant: a drawing may find that its own panel is over
        self._news = Signal()
        self._pressed = Signal()
        self._draws: list[Callable[[], bool]] = []
        self._sent = 0  # messages of the running drawing, of the panel that needs most
        self._free_at = 0.0  # when all that was sent is paid for, by the monotonic clock
        self._thread: threading.Thread | None = None

    def add(self, draw: Callable[[], bool]) -> None:
        """Call a function about every second, sooner after `wake`, until it returns True.

        Raises:
            ThreadLimitReached: No thread can be started for it.
        """
        with self._lock:
            if self._thread is None:
                self._free_at = 0.0
                thread = threading.Thread(target=self._run, name="ds_ops_magic drawer", daemon=True)
                threads.start(thread)  # it waits for the lock, and so for the function
                self._thread = thread
            self._draws.append(draw)
        self.wake()

    def remove(self, draw: Callable[[], bool]) -> None:
        """Stop calling a function; when this returns it is not running any more."""
        with self._lock:
            if draw in self._draws:
                self._draws.remove(draw)
            over = not self._draws
        if over:
            self.redraw_now()  # nothing is left to pause for
        else:
            self.wake()

    def wake(self) -> None:
        """Say that something is new. May be called from any thread; returns at once."""
        self._news.set()

    def redraw_now(self) -> None:
        """Say that somebody has pressed something, and wants to see it. May be called from any thread; returns at once.

        It is drawn without a pause, which is made up for afterwards.
        """
        self._news.set()
        self._pressed.set()

    def sent(self, messages: int) -> None:
        """Say how many messages a drawing took; only while it runs."""
        self._sent = max(self._sent, messages)

    def settle(self) -> None:
        """Draw every panel once more, so that those that are over are finished, and `close`."""
        with self._lock:
            self._draw_all()
        self.close()

    def close(self) -> None:
        """Drop every panel and end the thread."""
        with self._lock:
            self._draws.clear()
            thread = self._thread
        self.redraw_now()
        if thread is not None and thread is not threading.current_thread():
            thread.join(2.0)

    def _run(self) -> None:
        while True:
            self._news.wait(AT_LEAST_EVERY)
            self._pressed.wait(0.0)  # what was pressed until now this drawing shows
            with self._lock:
                self._sent = 0
                self._draw_all()
                if not self._draws:
                    self._thread = None
                    return
            self._rest()

    def _rest(self) -> None:
        until = time.monotonic() + self._pause()
        while (left := until - time.monotonic()) > 0 and not self._pressed.wait(left):
            pass

    def _pause(self) -> float:
        now = time.monotonic()
        self._free_at = max(now, self._free_at) + self._sent * A_MESSAGE
        return max(AT_MOST_EVERY, self._free_at - now)

    def _draw_all(self) -> None:
        for draw in list(self._draws):
            if draw in self._draws and _drawn(draw):
                self.remove(draw)


def _drawn(draw: Callable[[], bool]) -> bool:
    """Draw; True when the panel is over, which a panel that cannot be drawn is too."""
    try:
        return draw()
    except Exception:  # whatever it is: the other panels go on
        _log.exception("a panel could not be drawn")
        return True
