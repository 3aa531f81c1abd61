"""How long one call about a followed operation may take, and when a service is away or not there at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.polling.calls import OperationServiceCalls

CALL_TIMEOUT = 5.0
"""Seconds one call may take at first; a wait makes as many calls as it needs."""
LONGEST_CALL = 120.0
"""Seconds one call may take at most, where answers are slow; that a call hangs is not noticed before."""
PROBE_TIMEOUT = 1.0
"""Seconds one call may take in an outage where nothing is in doubt about its operation: which part of a service still
answers is to be found soon."""

_AWAY = 8  # calls in a row without an answer make an outage; fewer come of a service that refuses some


class OutageDetector:
    """What the poller makes of silence.

    Args:
        calls: The calls of the service.
        connect_timeout: Seconds of silence that are final while the service has never answered.
        clock: Monotonic time in seconds.
    """

    def __init__(self, calls: OperationServiceCalls, connect_timeout: float, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._connect_timeout = connect_timeout
        self._clock = clock
        self._first_asked: float | None = None
        self._needed = 0.0  # seconds, as far as the last answer, or the lack of any, tells

    @property
    def is_away(self) -> bool:
        """Whether nothing at all has been answered for a while."""
        return self._calls.failures >= _AWAY

    @property
    def never_answered(self) -> bool:
        """Whether the service has been silent for too long without ever having answered."""
        if self._calls.answered or self._first_asked is None:
            return False
        return self._clock() - self._first_asked >= self._connect_timeout

    def begin(self) -> None:
        """Count the silence of a service that never answered from the next call on."""
        self._first_asked = None

    def note_answer(self, took: float) -> None:
        """Note the seconds in which an answer came: others may need twice as many."""
        self._needed = min(LONGEST_CALL, 2 * took)

    def note_too_late(self, given: float) -> None:
        """Note that a call had so many seconds, and no answer came; while there is none at all, the next has twice."""
        if self.is_away:
            self._needed = min(LONGEST_CALL, max(self._needed, 2 * given))

    def time_for_a_call(self, deadline: float, *, in_doubt: bool) -> float:
        """Return the seconds that the next call may take.

        Args:
            deadline: What a call about its operation is given, in seconds.
            in_doubt: Whether the last call about its operation brought no answer.
        """
        if self._calls.answered:
            return min(PROBE_TIMEOUT, deadline) if self.is_away and not in_doubt else max(deadline, self._needed)
        now = self._clock()
        if self._first_asked is None:
            self._first_asked = now
        return max(0.1, self._first_asked + self._connect_timeout - now)
