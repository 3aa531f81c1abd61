"""When to ask about an operation again."""

from __future__ import annotations

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
