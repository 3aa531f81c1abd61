"""A call that failed: what it said, whether it is made again, and when (the backoff: `retry_delay`). No clock."""

from __future__ import annotations

import contextlib
import enum
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as StatusMessage

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnCancel, OnGet, meaning_of

LONGEST_RETRY = 300.0
"""Seconds for which an operation is left alone at most, however long the service asks for (RetryInfo)."""
FIRST_DELAY = 0.1
"""Seconds before a failed call is made again for the first time; they double with each failure."""
LONGEST_DELAY = 1.0
"""Seconds between two tries at most: a service that is back is noticed at once, and few calls probe an outage."""
UNKNOWN_RETRIES = 3
"""How often a call is made again after UNKNOWN."""
UNREADABLE_RETRIES = 2
"""How often it is asked again after answers in a row that cannot be read."""


class CallFailed(Exception):
    """A call that brought no answer, or a refusal. Internal: a user gets one of the errors of `model.errors`."""

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def is_over_the_limit(self) -> bool:
        """Whether gRPC itself refused an answer as too large: that and a service's quota are RESOURCE_EXHAUSTED."""
        return self.code == "RESOURCE_EXHAUSTED" and "larger than max" in self.message

    @property
    def on_get(self) -> OnGet:
        return OnGet.FAIL if self.is_over_the_limit else meaning_of(self.code).get

    @property
    def on_cancel(self) -> OnCancel:
        return OnCancel.RAISE if self.is_over_the_limit else meaning_of(self.code).cancel


Failure = CallFailed | UnreadableAnswer
"""Why a call brought nothing that can be used."""


def retry_after(error: Any) -> float | None:
    """Return the seconds to wait that a gRPC error asks for in its RetryInfo; None without one."""
    data = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    info = RetryInfo()
    with contextlib.suppress(DecodeError):
        for detail in StatusMessage.FromString(data).details:
            if detail.Unpack(info):
                seconds = float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
                return min(LONGEST_RETRY, max(0.0, seconds))
    return None


class Action(enum.Enum):
    """What follows a failed call."""

    RETRY = "made again after a delay"
    REFRESH = "made again with fresh credentials"
    FAIL = "not made again"


_RETRIED = {OnGet.RETRY, OnGet.BACK_OFF, OnGet.RETRY_LIMITED, OnCancel.RETRY}


@dataclass(slots=True)
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
        if step in (OnGet.REFRESH, OnCancel.REFRESH) and not self.refreshed:
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


def retry_delay(failures: int, chance: float, *, first: float = FIRST_DELAY, longest: float = LONGEST_DELAY) -> float:
    """Return the seconds to wait after a failure: about ``first``, doubling up to ``longest``, spread by chance."""
    return min(longest, first * 2.0 ** min(failures, 8)) * (0.75 + 0.5 * chance)
