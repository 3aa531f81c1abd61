"""The thread that redraws the live panels of a kernel."""

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
MIN_INTERVAL = 0.5
"""Seconds between two drawings, however much is new."""
MAX_INTERVAL = 1.0
"""Seconds between two drawings when nothing is new: elapsed times go on."""
PAUSE_PER_MESSAGE = 0.3
"""Seconds that each message of a drawing delays the next one: at most 50 messages in 10 s, large drawings included."""


class RedrawThread:
    """Calls the drawing functions of live panels, each until it returns True.

    The thread starts with the first function and ends with the last. It alone draws, so that traits are written by one
    thread; subscribers and button callbacks only call `wake` or `redraw_now`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant: a drawing may find that its own panel is over
        self._news = Signal()
        self._now = Signal()
        self._draws: list[Callable[[], bool]] = []
        self._messages = 0  # of the running drawing, of the panel that needs most
        self._paused_until = 0.0  # by the monotonic clock: the pauses for all messages so far
        self._thread: threading.Thread | None = None

    def add(self, draw: Callable[[], bool]) -> None:
        """Call a function about every second, sooner after `wake`, until it returns True.

        Raises:
            ThreadLimitReached: No thread can be started for it.
        """
        with self._lock:
            if self._thread is None:
                self._paused_until = 0.0
                thread = threading.Thread(target=self._run, name="ds_ops_magic redraw", daemon=True)
                threads.start(thread)  # it waits for the lock, and so for the function
                self._thread = thread
            self._draws.append(draw)
        self.wake()

    def remove(self, draw: Callable[[], bool]) -> None:
        """Stop calling a function; when this returns it is not running any more."""
        with self._lock:
            if draw in self._draws:
                self._draws.remove(draw)
            is_last = not self._draws
        if is_last:
            self.redraw_now()  # which ends the thread's pause
        else:
            self.wake()

    def wake(self) -> None:
        """Draw when the pause is over, because something is new. May be called from any thread; returns at once."""
        self._news.set()

    def redraw_now(self) -> None:
        """Draw at once, because a user acted. May be called from any thread; returns at once.

        The pause that this skips is added to the next one.
        """
        self._news.set()
        self._now.set()

    def count_messages(self, number: int) -> None:
        """Note how many messages a drawing took; to be called by the drawing function."""
        self._messages = max(self._messages, number)

    def stop(self) -> None:
        """Draw every panel once more, so that those that are over are finished, and end the thread."""
        with self._lock:
            self._draw_all()
            self._draws.clear()
            thread = self._thread
        self.redraw_now()
        if thread is not None and thread is not threading.current_thread():
            thread.join(2.0)

    def _run(self) -> None:
        while True:
            self._news.wait(MAX_INTERVAL)
            self._now.wait(0.0)  # clears it: this drawing answers all requests so far
            with self._lock:
                self._messages = 0
                self._draw_all()
                if not self._draws:
                    self._thread = None
                    return
            self._pause()

    def _pause(self) -> None:
        now = time.monotonic()
        self._paused_until = max(now, self._paused_until) + self._messages * PAUSE_PER_MESSAGE
        until = max(now + MIN_INTERVAL, self._paused_until)
        while (left := until - time.monotonic()) > 0 and not self._now.wait(left):
            pass

    def _draw_all(self) -> None:
        for draw in list(self._draws):
            if draw in self._draws and _is_over(draw):
                self.remove(draw)


def _is_over(draw: Callable[[], bool]) -> bool:
    try:
        return draw()
    except Exception:  # whatever it is: the other panels go on
        _log.exception("a panel could not be drawn")
        return True
