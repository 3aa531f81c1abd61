"""When the next call is made: single requests and followed operations spend one budget in turns."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ds_ops_magic.polling.schedule import TokenBucket

TICK = 0.05
"""Seconds between two times that a budget is spent which has run out, and between two looks at what is due: finer
steps would only wake the thread more often, and bring the same calls one by one."""


class Following(Protocol):
    """What asks about followed operations."""

    def next_due(self) -> float | None:
        """Return when the next one is due and can be asked about, on the loop's clock; None when none is."""

    def ask_next(self) -> None:
        """Begin to ask about that one."""


class Pace:
    """Hands the calls of a budget out, in turns where both kinds want some. Lives on one event loop.

    Args:
        budget: The calls per second.
        following: What asks about followed operations; without it there are single requests alone.
    """

    def __init__(self, budget: TokenBucket, following: Following | None = None) -> None:
        self.budget = budget
        self._following = following
        self._singles: deque[asyncio.Future[None]] = deque()
        self._single_was_last = False
        self._resting_until = 0.0  # when the budget that has run out is looked at again
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def turn(self) -> asyncio.Future[None]:
        """Take a place in the queue of single requests; done when it is their turn. Cancel it to leave the queue."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self._singles.append(turn)
        self.spend()
        return turn

    def spend(self) -> None:
        """Make the calls that are wanted now and that the budget allows, and look again when there may be more."""
        now = self._loop.time()
        if now < self._resting_until:
            return
        due = self._next_due()
        while (is_due := due is not None and due <= now) or self._someone_waits():
            if not self.budget.take(now):
                self._resting_until = max(self.budget.ready_at(now), now + TICK)
                self._wake_at(self._resting_until)
                return
            self._give_turn(is_due)
            due = self._next_due()
        if due is not None:
            self._wake_at(max(due, now + TICK))

    def stop(self) -> None:
        """Never look again."""
        self._resting_until = float("inf")
        if self._timer is not None:
            self._timer.cancel()

    def _next_due(self) -> float | None:
        return self._following.next_due() if self._following is not None else None

    def _someone_waits(self) -> bool:
        while self._singles and self._singles[0].done():  # it has left the queue
            self._singles.popleft()
        return bool(self._singles)

    def _give_turn(self, is_due: bool) -> None:
        self._single_was_last = self._someone_waits() and not (is_due and self._single_was_last)
        if self._single_was_last:
            self._singles.popleft().set_result(None)
        elif self._following is not None:
            self._following.ask_next()

    def _wake_at(self, when: float) -> None:
        """Look again then, or earlier where that is planned already: it does no harm."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._woken)

    def _woken(self) -> None:
        self._timer, self._resting_until = None, 0.0  # a loop's alarm may ring a moment too early
        self.spend()
