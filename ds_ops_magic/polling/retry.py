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


_ACTIONS: dict[OnGet | OnCancel, Action] = {
    OnGet.RETRY: Action.RETRY,
    OnGet.BACK_OFF: Action.RETRY,
    OnGet.RETRY_LIMITED: Action.RETRY,
    OnGet.REFRESH: Action.REFRESH,
    OnCancel.RETRY: Action.RETRY,
    OnCancel.REFRESH: Action.REFRESH,
}


@dataclass
class Attempts:
    """What went wrong with the calls about one operation since the last answer."""

    failures: int = 0
    unknown: int = 0
    unreadable: int = 0
    refreshed: bool = False

    def after(self, failed: Failure, *, cancel: bool = False) -> Action:
        """Count a failed call, and tell what follows.

        Args:
            failed: What it said, or that its answer cannot be read: one that was cut off on the way is whole the next
                time, and a Cancel has arrived.
            cancel: Whether it was a Cancel; else a Get.
        """
        if isinstance(failed, UnreadableAnswer):
            self.unreadable += 1
            return Action.FAIL if cancel or self.unreadable > UNREADABLE_RETRIES else Action.RETRY
        step = failed.on_cancel if cancel else failed.on_get
        action = _ACTIONS.get(step, Action.FAIL)
        if action is Action.REFRESH:
            action, self.refreshed = (Action.FAIL if self.refreshed else action), True
        elif action is Action.RETRY:
            self.failures += 1
            self.unknown += step is OnGet.RETRY_LIMITED
            if self.unknown > UNKNOWN_RETRIES:
                return Action.FAIL
        return action

    def note_answer(self) -> None:
        """Count anew from now on, but for answers that cannot be read."""
        self.failures = self.unknown = 0
        self.refreshed = False

    def delay_after(self, failed: Failure, service_failures: int, chance: float) -> float:
        """Return the seconds until the call is made again; at least what RetryInfo asks for.

        Args:
            failed: What the last call said.
            service_failures: How many calls in a row brought no answer, about whichever operation. While others are
                answered, one that was refused by bad luck is asked again soon.
            chance: A random number in 0..1, from which the jitter comes.
        """
        if isinstance(failed, UnreadableAnswer):
            return retry_delay(self.unreadable, chance)
        failures = min(self.failures, service_failures + 1)
        return max(failed.retry_after or 0.0, retry_delay(failures, chance))


def retry_delay(failures: int, chance: float, *, first: float = 0.1, longest: float = 1.0) -> float:
    """Return the seconds to wait after a failure: about ``first`` at first, doubling up to ``longest``.

    Between calls one second at most, because a service that is back should be noticed at once; the calls stay few
    because an outage is probed by few calls, not by one an operation.
    """
    return min(longest, first * 2.0 ** min(failures, 8)) * (0.75 + 0.5 * chance)
