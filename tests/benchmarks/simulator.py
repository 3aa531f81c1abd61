"""Following operations on a virtual clock, by the very schedule, queue and budget that the poller uses."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ds_ops_magic.polling.queue import PollQueue
from ds_ops_magic.polling.rate_limit import TICK, TokenBucket
from ds_ops_magic.polling.schedule import Schedule

UNLIMITED = 1e9
"""A rate, in calls a second, that binds nothing."""

Intervals = Callable[[float], float]
"""Gives the seconds to the next question of one operation, from its age in seconds."""
Policy = Callable[[random.Random], Intervals]
"""Makes the intervals of one operation."""


class Span(NamedTuple):
    """An operation: when it begins, and how long it takes, in seconds."""

    begun: float
    took: float

    @property
    def ended(self) -> float:
        return self.begun + self.took


@dataclass(frozen=True)
class Outcome:
    """What following all of them came to: seconds of delay in noticing each end, and calls."""

    spans: Sequence[Span]
    delays: Sequence[float]
    calls: int
    rate: float

    @property
    def calls_each(self) -> float:
        return self.calls / len(self.spans)

    @property
    def mean_delay(self) -> float:
        return math.fsum(self.delays) / len(self.delays)

    @property
    def mean_share(self) -> float:
        """Mean of delay over duration."""
        shares = (delay / span.took for delay, span in zip(self.delays, self.spans, strict=True))
        return math.fsum(shares) / len(self.spans)

    def percentile(self, share: float) -> float:
        return sorted(self.delays)[min(len(self.delays) - 1, int(share * len(self.delays)))]

    @property
    def bound(self) -> float:
        """The mean delay that the rate forces on anybody (`mean_bound`)."""
        return mean_bound(self.spans, self.rate)


def mean_bound(spans: Sequence[Span], rate: float) -> float:
    """Return the mean of live / (2 x rate) over the ends: what asking all that live in turn comes to."""
    begins, ends = sorted(span.begun for span in spans), sorted(span.ended for span in spans)
    live = [bisect_right(begins, end) - number for number, end in enumerate(ends)]
    return math.fsum(live) / len(spans) / (2 * rate)


def by_schedule(schedule: Schedule) -> Policy:
    """Ask as this package does."""
    return lambda chance: lambda age: schedule.interval(age, chance.random())


def every(seconds: float) -> Policy:
    """Ask at a fixed interval, as yandexcloud's waiter does every second."""
    return lambda _: lambda _: seconds


def growing(first: float, factor: float, longest: float) -> Policy:
    """Ask at intervals of 0 to a most, which grows: as google-api-core's future does (1 s, 1.5, 20 s)."""

    def intervals(chance: random.Random) -> Iterator[float]:
        most = first
        while True:
            yield chance.uniform(0.0, most)
            most = min(most * factor, longest)

    def policy(chance: random.Random) -> Intervals:
        sleeps = intervals(chance)
        return lambda _: next(sleeps)

    return policy


def simulate(spans: Sequence[Span], policy: Policy, rate: float = UNLIMITED, seed: int = 5) -> Outcome:
    """Follow operations to their ends; answers take no time.

    Args:
        spans: The operations; each is followed from its beginning.
        policy: When to ask again.
        rate: Calls per second, over all.
        seed: Of everything that is left to chance.
    """
    chance = random.Random(seed)  # noqa: S311  # a simulation is to come out the same
    queue, budget = PollQueue(1), TokenBucket(rate, 0.0)
    delays, calls, now = [0.0] * len(spans), 0, 0.0
    followed = {}
    for number, span in enumerate(spans):
        name = str(number)
        followed[name] = (number, span, policy(chance))
        queue.put(name, span.begun)
    while (due := queue.next_due(outage=False)) < math.inf:
        if due > now or not budget.take(now):
            now = due if due > now else max(budget.ready_at(now), now + TICK)
            continue
        taken = queue.take(now, outage=False)
        assert taken is not None
        name, missed = taken
        queue.ended(missed=missed)
        calls += 1
        number, span, interval = followed[name]
        if now >= span.ended:
            delays[number] = now - span.ended
        else:
            queue.put(name, now + interval(now - span.begun))
    return Outcome(spans, delays, calls, rate)


def log_uniform(number: int, shortest: float, longest: float, seed: int = 11) -> list[Span]:
    """Make operations that begin at once, and of whose durations every factor is as likely."""
    chance = random.Random(seed)  # noqa: S311  # as above
    return [Span(0.0, shortest * (longest / shortest) ** chance.random()) for _ in range(number)]


def log_normal(number: int, median: float, *, spread: float = 1.0, arrivals: float = 0.0, seed: int = 11) -> list[Span]:
    """Make operations that take about as long each, and begin within so many seconds."""
    chance = random.Random(seed)  # noqa: S311  # as above
    return [Span(arrivals * chance.random(), median * math.exp(spread * chance.gauss(0.0, 1.0))) for _ in range(number)]
