"""How long operations of one kind take, from how long earlier ones took: an estimate, worded as one."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from ds_ops_magic import wording

LEAST = 3
"""Earlier runs below which nothing is said."""
MOST = 100
"""Earlier runs that count, the latest ones: what took a minute a year ago may take ten today."""


@dataclass(frozen=True)
class Durations:
    """How long earlier runs took.

    Attributes:
        seconds: Their lengths, the shortest first.
    """

    seconds: tuple[float, ...] = ()

    def longer_than(self, age: float) -> Durations:
        """Return those that took longer than this: what there is to go by once it has run for so long."""
        return Durations(self.seconds[bisect_right(self.seconds, age) :])

    def at(self, share: float) -> float:
        """Return the length, in seconds, that a share (0..1) of the runs did not exceed, between runs by proportion.

        Raises:
            IndexError: There is no run.
        """
        place = share * (len(self.seconds) - 1)
        below = int(place)
        above = min(below + 1, len(self.seconds) - 1)
        return self.seconds[below] + (self.seconds[above] - self.seconds[below]) * (place - below)

    def words(self, age: float) -> str:
        """Word how long it should take in all, given that it has run for ``age`` seconds; empty with too little to say.

        The range is that of the middle half: ``usually 2-4 min (12 earlier runs)``.
        """
        if len(self.seconds) < LEAST:
            return ""
        if age < self.at(0.25):
            return f"usually {self._range()} ({len(self.seconds)} earlier runs)"
        longer = self.longer_than(age)
        if len(longer.seconds) < LEAST:
            return f"longer than usual: {self._range()} ({len(self.seconds)} earlier runs)"
        return f"usually {longer._range()} ({len(longer.seconds)} earlier runs that took this long)"

    def _range(self) -> str:
        return wording.length_range(self.at(0.25), self.at(0.75))
