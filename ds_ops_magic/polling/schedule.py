"""When to ask about an operation again, which one first, and how fast at most.

Pure: every function takes the time as an argument, in seconds of any monotonic clock, so that a simulation runs the
very code that the poller runs.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass

from ds_ops_magic.util.public_names import PickledByName


@dataclass(frozen=True)
class Schedule(PickledByName):
    """How long to leave an operation alone before asking about it again.

    An operation of age *a* is asked again after a fraction of *a*, so that the delay in noticing its end is a fixed
    share of what it took. Simulated over log-uniform durations of 1 s to 6 h, a fraction of 0.10 within 0.25 to 5.5 s
    makes 5.1 times fewer calls than a fixed second, at a mean delay of 2.8 % and a p99 of 5.7 s. A longer upper bound
    saves calls, and keeps the last of a burst waiting (`python -m tests.benchmarks calls scale`).

    Attributes:
        fraction: Share of the age to wait.
        shortest: The least seconds between two questions.
        longest: The most seconds between two questions.
        jitter: Share by which an interval is spread, so that operations of one age are not asked in one burst.
    """

    fraction: float = 0.10
    shortest: float = 0.25
    longest: float = 5.5
    jitter: float = 0.10

    def interval(self, age: float, chance: float) -> float:
        """Return the seconds until the next question.

        Args:
            age: Seconds since the operation was created.
            chance: A random number in 0..1, from which the jitter comes.
        """
        plain = min(self.longest, max(self.shortest, age * self.fraction))
        return plain * (1.0 + self.jitter * (2.0 * chance - 1.0))


def retry_delay(failures: int, chance: float, *, first: float = 0.1, longest: float = 1.0) -> float:
    """Return the seconds to wait after what brought no answer: about ``first`` at first, doubling up to ``longest``.

    Of a call one second at most, because a service that is back should be noticed at once; the calls stay few because
    an outage is probed by few calls, not by one an operation.
    """
    return min(longest, first * 2.0 ** min(failures, 8)) * (0.75 + 0.5 * chance)


class Agenda:
    """Which operation is due next: an earliest-due queue in which an id stands once."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str]] = []
        self._current: dict[str, int] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._current)

    def put(self, operation_id: str, due: float) -> None:
        """Set when an operation is due, replacing an earlier entry."""
        number = next(self._numbers)
        self._current[operation_id] = number
        heapq.heappush(self._heap, (due, number, operation_id))

    def drop(self, operation_id: str) -> None:
        """Forget an operation; one that is not there is no error."""
        self._current.pop(operation_id, None)

    def next_due(self) -> float | None:
        """Return when the next operation is due, None when there is none."""
        while self._heap and self._current.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self) -> str:
        """Take out the operation that is due first.

        Raises:
            IndexError: There is none.
        """
        if self.next_due() is None:
            raise IndexError("nothing is due")
        operation_id = heapq.heappop(self._heap)[2]
        del self._current[operation_id]
        return operation_id


class TokenBucket:
    """At most so many calls a second, in all; lowered when the service asks for it, and recovered slowly.

    Args:
        rate: Calls per second.
        now: The time now, in seconds.
    """

    LEAST = 1.0
    """Calls per second that are never undercut."""
    RECOVERY = 60.0
    """Seconds from a full stop back to the full rate."""
    LONGEST_STOP = 60.0
    """Seconds for which no call at all is made, however long one answer asks for: it was about one operation."""

    def __init__(self, rate: float, now: float) -> None:
        if not rate > 0:
            raise ValueError(f"the rate must be above 0 calls a second, not {rate}")
        self._full = rate
        self._low = rate
        self._lowered_at = now
        self._blocked_until = now
        self._tokens = self._burst
        self._counted_at = now

    @property
    def _burst(self) -> float:
        # A quarter of a second's calls: enough to use every tick in full, too little to be felt as a storm.
        return max(1.0, self._full / 4)

    def rate(self, now: float) -> float:
        """Return the calls per second that are allowed now."""
        return min(self._full, self._low + (now - self._lowered_at) * self._full / self.RECOVERY)

    def take(self, now: float) -> bool:
        """Spend one call; False when there is none to spend."""
        self._count(now)
        if self._tokens < 1.0 or now < self._blocked_until:
            return False
        self._tokens -= 1.0
        return True

    def ready_at(self, now: float) -> float:
        """Return when a call can be spent again, in seconds of the clock."""
        self._count(now)
        missing = max(0.0, 1.0 - self._tokens)
        return max(now + missing / self.rate(now), self._blocked_until)

    def blocked_for(self, now: float) -> float:
        """Return the seconds for which the service still wants no call."""
        return max(0.0, self._blocked_until - now)

    def slow_down(self, now: float, retry_after: float | None = None) -> None:
        """Halve the rate, and make no call for ``retry_after`` seconds where the service named them (RetryInfo).

        It is believed for `LONGEST_STOP` at most.
        """
        self._count(now)
        self._low = max(self.LEAST, self.rate(now) / 2)
        self._lowered_at = now
        self._tokens = min(self._tokens, 1.0)
        if retry_after is not None:
            self._blocked_until = max(self._blocked_until, now + min(retry_after, self.LONGEST_STOP))

    def _count(self, now: float) -> None:
        if now > self._counted_at:
            earned = (now - self._counted_at) * self.rate(now)
            self._tokens = min(self._burst, self._tokens + earned)
            self._counted_at = now
