"""Whether a failed call is made again, and after how many seconds: the one policy for every call.

Pure: chance is an argument, and there is no clock.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnCancel, OnGet

if TYPE_CHECKING:
    from ds_ops_magic.polling.failure import Failure

UNKNOWN_RETRIES = 3
"""How often a call is made again after UNKNOWN."""
UNREADABLE_RETRIES = 2
"""How often it is asked again after answers in a row that cannot be read."""


class Action(enum.Enum):
    """What follows a failed call."""

    RETRY = "made again after a delay"
    REFRESH = "made again with fresh credentials"
    FAIL = "not made again"


_RETRIED = {OnGet.RETRY, OnGet.BACK_OFF, OnGet.RETRY_LIMITED, OnCancel.RETRY}
_REFRESHED = {OnGet.REFRESH, OnCancel.REFRESH}


@dataclass
class Attempts:
    """What went wrong with the calls about one operation since the last answer."""

    failures: int = 0
    unknown: int = 0
    unreadable: int = 0
    refreshed: bool = False

    def after(self, failed: Failure, *, cancel: bool = False) -> Action:
        """Count a failed Get, or Cancel, and return what follows."""
        if isinstance(failed, UnreadableAnswer):  # it may have been cut off on the way; a Cancel has arrived
            self.unreadable += 1
            return Action.FAIL if cancel or self.unreadable > UNREADABLE_RETRIES else Action.RETRY
        step = failed.on_cancel if cancel else failed.on_get
        if step in _REFRESHED and not self.refreshed:
            self.refreshed = True
            return Action.REFRESH
        if step not in _RETRIED:
            return Action.FAIL
        self.failures += 1
        self.unknown += step is OnGet.RETRY_LIMITED
        return Action.FAIL if self.unknown > UNKNOWN_RETRIES else Action.RETRY

    def note_answer(self) -> None:
        """Reset the counts, but for answers that cannot be read."""
        self.failures = self.unknown = 0
        self.refreshed = False

    def delay_after(self, failed: Failure, service_failures: int, chance: float) -> float:
        """Return the seconds until the call is made again; at least what RetryInfo asks for.

        ``service_failures`` counts the calls in a row, about any operation, that brought no answer.
        """
        if isinstance(failed, UnreadableAnswer):
            return retry_delay(self.unreadable, chance)
        # While others are answered, one that was refused by bad luck is asked again soon.
        failures = min(self.failures, service_failures + 1)
        return max(failed.retry_after or 0.0, retry_delay(failures, chance))


def retry_delay(failures: int, chance: float, *, first: float = 0.1, longest: float = 1.0) -> float:
    """Return the seconds to wait after a failure: about ``first`` at first, doubling up to ``longest``.

    Between calls one second at most, because a service that is back should be noticed at once; the calls stay few
    because an outage is probed by few calls, not by one an operation.
    """
    return min(longest, first * 2.0 ** min(failures, 8)) * (0.75 + 0.5 * chance)
