"""How long operations of one kind take, estimated from how long earlier ones took."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import length_range

MIN_RUNS = 3
"""With fewer earlier runs there is no estimate."""
_ENOUGH = 5  # earlier runs from which the schedule goes by them
_DISTINCT = 2.5  # the most that the middle half may spread, as a ratio: past it the end cannot be told
_NEAR = 1.6  # a run whose length is within this factor of an age counts as an end at about that age
_UNSEEN = 3  # runs unlike all earlier ones, that count beside them
_MOST_CHANGE = 2.0  # the factor by which an interval is changed at most: a failure may come at any time

# Of the unseen runs every factor from 1 s to 20 min is as likely; this share of them is near any one age.
_SHARE_NEAR = 2 * math.log(_NEAR) / math.log(1200.0)


@dataclass(frozen=True)
class Durations(PickledByName):
    """How long earlier runs took, in seconds, the shortest first."""

    seconds: tuple[float, ...] = ()

    def longer_than(self, age: float) -> Durations:
        return Durations(self.seconds[bisect_right(self.seconds, age) :])

    def quantile(self, share: float) -> float:
        """Return the length, in seconds, that a share (0..1) of the runs did not exceed, interpolated between runs."""
        place = share * (len(self.seconds) - 1)
        below = int(place)
        above = min(below + 1, len(self.seconds) - 1)
        return self.seconds[below] + (self.seconds[above] - self.seconds[below]) * (place - below)

    def describe(self, age: float) -> str:
        """Say how long it takes in all, given that it has run for ``age`` seconds; empty with too few earlier runs.

        The range is that of the middle half: ``usually 2-4 min (12 earlier runs)``.
        """
        if len(self.seconds) < MIN_RUNS:
            return ""
        if age < self.quantile(0.25):
            return f"usually {self._range()} ({len(self.seconds)} earlier runs)"
        longer = self.longer_than(age)
        if len(longer.seconds) < MIN_RUNS:
            return f"longer than usual: {self._range()} ({len(self.seconds)} earlier runs)"
        return f"usually {longer._range()} ({len(longer.seconds)} earlier runs that took this long)"

    def interval(self, age: float, default: float) -> float:
        """Adapt a polling interval at an age, both in seconds: shorter where the end is likely soon, else longer.

        The best interval goes with the root of how likely the end is in the next second. Simulated over kinds of
        distinct lengths (`python -m tests.benchmarks expected`), the mean delay is down to a half at as many calls.
        """
        if len(self.seconds) < _ENOUGH or self.quantile(0.75) > _DISTINCT * self.quantile(0.25):
            return default
        longer = self.longer_than(age / _NEAR)
        near = len(longer.seconds) - len(longer.longer_than(age * _NEAR).seconds)
        share = (near + _UNSEEN * _SHARE_NEAR) / (len(longer.seconds) + _UNSEEN)
        return default * min(_MOST_CHANGE, max(1 / _MOST_CHANGE, math.sqrt(_SHARE_NEAR / share)))

    def _range(self) -> str:
        return length_range(self.quantile(0.25), self.quantile(0.75))
