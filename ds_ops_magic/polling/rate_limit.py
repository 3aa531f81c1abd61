"""How fast calls are made at most, and who makes the next one: single requests and tracked operations take turns."""

from __future__ import annotations

import asyncio
import enum
from collections import deque

TICK = 0.05
"""Seconds until a budget that has run out is spent again, and between two looks at what is due: finer steps would only
wake the thread more often, and bring the same calls one by one."""


class TokenBucket:
    """At most so many calls a second, in all; lowered when the service asks for it, and recovered slowly."""

    LEAST = 1.0
    """Calls per second that are left, however often the service asks for fewer."""
    RECOVERY = 60.0
    """Seconds from a full stop back to the full rate."""
    LONGEST_STOP = 60.0
    """Seconds for which no call at all is made, however long one answer asks for: it was about one operation."""

    def __init__(self, rate: float, now: float) -> None:
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
        return min(self._full, self._low + (now - self._lowered_at) * self._full / self.RECOVERY)

    def take(self, now: float) -> bool:
        self._count(now)
        if self._tokens < 1.0 or now < self._blocked_until:
            return False
        self._tokens -= 1.0
        return True

    def ready_at(self, now: float) -> float:
        self._count(now)
        missing = max(0.0, 1.0 - self._tokens)
        return max(now + missing / self.rate(now), self._blocked_until)

    def blocked_for(self, now: float) -> float:
        """Return the seconds for which the service still wants no call."""
        return max(0.0, self._blocked_until - now)

    def slow_down(self, now: float, retry_after: float | None = None) -> None:
        """Halve the rate, and allow no call for ``retry_after`` seconds (RetryInfo), at most `LONGEST_STOP`."""
        self._count(now)
        self._low = max(self.LEAST, self.rate(now) / 2)
        self._lowered_at = now
        self._tokens = min(self._tokens, 1.0)
        if retry_after is not None:
            self._blocked_until = max(self._blocked_until, now + min(retry_after, self.LONGEST_STOP))

    def give_back(self) -> None:
        self._tokens = min(self._burst, self._tokens + 1.0)

    def _count(self, now: float) -> None:
        if now > self._counted_at:
            earned = (now - self._counted_at) * self.rate(now)
            self._tokens = min(self._burst, self._tokens + earned)
            self._counted_at = now


class Caller(enum.Enum):
    """Who shares the calls of a rate limiter, in turns."""

    REQUEST = "a single request"
    TRACKER = "the tracker of operations"


class RateLimiter:
    """Gives out the calls of a token bucket. Lives on one event loop.

    Each `Caller` has its own queue; while several wait, they get one call each in turns.
    """

    def __init__(self, rate: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._bucket = TokenBucket(rate, self._loop.time())
        self._waiting: dict[Caller, deque[asyncio.Future[None]]] = {caller: deque() for caller in Caller}
        self._order = deque(Caller)  # whose turn it is first
        self._resting_until = 0.0  # when the budget that has run out is looked at again

    async def acquire(self, caller: Caller) -> None:
        if self.acquire_nowait(caller):
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting[caller].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the call was given, and is not made
                self.give_back()
            raise

    def acquire_nowait(self, caller: Caller) -> bool:
        """Take a call; False where the caller has to wait for one."""
        now = self._loop.time()
        if now < self._resting_until or any(self._waiting.values()):
            return False
        if not self._bucket.take(now):
            self._rest(now)
            return False
        self._took_turn(caller)
        return True

    def give_back(self) -> None:
        self._bucket.give_back()

    def slow_down(self, retry_after: float | None) -> None:
        self._bucket.slow_down(self._loop.time(), retry_after)

    def blocked_for(self) -> float:
        return self._bucket.blocked_for(self._loop.time())

    def _took_turn(self, caller: Caller) -> None:
        self._order.remove(caller)
        self._order.append(caller)

    def _rest(self, now: float) -> None:
        self._resting_until = max(self._bucket.ready_at(now), now + TICK)
        self._loop.call_at(self._resting_until, self._give_turns)

    def _give_turns(self) -> None:
        """Give one call to each caller that waits, and go on in the next turn of the loop, when it may wait again."""
        self._resting_until = 0.0  # a timer of the loop may fire a moment too early
        now = self._loop.time()
        for caller in tuple(self._order):
            waiting = self._waiting[caller]
            while waiting and waiting[0].done():  # it is cancelled
                waiting.popleft()
            if not waiting:
                continue
            if not self._bucket.take(now):
                self._rest(now)
                return
            waiting.popleft().set_result(None)
            self._took_turn(caller)
        if any(self._waiting.values()):
            self._loop.call_soon(self._give_turns)
