"""The arguments of a wait: how long it may take, and what ends it."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ds_ops_magic.util.public_names import restore
from ds_ops_magic.util.threads import LONGEST_SLEEP


class ReturnWhen(enum.Enum):
    """What ends a wait for several operations."""

    ALL = "all"
    FIRST = "first"
    FIRST_FAILURE = "first failure"

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return restore, ("ReturnWhen", self.value)


ALL: Final = ReturnWhen.ALL
FIRST: Final = ReturnWhen.FIRST
FIRST_FAILURE: Final = ReturnWhen.FIRST_FAILURE


@dataclass(frozen=True)
class Deadline:
    """The arguments of a wait, checked, and when its time is over.

    Attributes:
        timeout: Seconds for the whole wait; None waits for ever, 0 asks once. A negative one is over at once.
        return_when: What ends the wait.
        deadline: When the time is over, by the caller's clock; infinite where it never is.
    """

    timeout: float | None
    return_when: ReturnWhen
    deadline: float

    @classmethod
    def of(cls, timeout: float | None, return_when: ReturnWhen, now: float, once: float) -> Deadline:
        """Check the arguments of a wait that begins now; with timeout 0 it lasts ``once`` seconds at most.

        Raises TypeError for a timeout that is no number, ValueError for NaN, and for an unknown ``return_when``.
        """
        if not isinstance(return_when, ReturnWhen):
            raise ValueError(f"return_when is ALL, FIRST or FIRST_FAILURE of ds_ops_magic, not {return_when!r}")
        if timeout is None:
            return cls(None, return_when, math.inf)
        seconds = _seconds(timeout)
        return cls(seconds, return_when, now + (seconds or once))

    @property
    def once(self) -> bool:
        return self.timeout == 0

    def is_late(self, now: float) -> bool:
        return now >= self.deadline

    def sleep(self, now: float) -> float:
        return min(self.deadline - now, LONGEST_SLEEP)


class Patience(NamedTuple):
    """For how long a stream may stand still, once its operation has ended, until it is taken to be over; in seconds."""

    first: float = 3.0  # before its first answer
    later: float = 1.0  # after one


def _seconds(timeout: float) -> float:
    refusal = f"timeout is a number of seconds, or None to wait for ever, not {timeout!r}"
    if isinstance(timeout, str) or not hasattr(timeout, "__float__"):
        raise TypeError(refusal)
    try:
        seconds = float(timeout)
    except OverflowError:  # of an integer
        return math.inf
    if math.isnan(seconds):
        raise ValueError(refusal)
    return seconds
