"""Whether the service is up, as its calls tell, and how long a call may take."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ds_ops_magic.model.grpc_codes import OnGet
from ds_ops_magic.model.view import Health

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.polling.retry import CallFailed

_log = logging.getLogger(__name__)

CALL_TIMEOUT = 5.0
"""Seconds one call about a tracked operation may take at first; a wait makes as many calls as it needs."""
LONGEST_CALL = 120.0
"""Seconds one such call may take at most, where answers are slow; that a call hangs is not noticed before."""
PROBE_TIMEOUT = 1.0
"""Seconds such a call may take in an outage if the last one about its operation was answered: which part of a service
still answers is to be found soon."""
REQUEST_TIMEOUT = 10.0
"""Seconds that a single get or cancel goes on trying."""
OUTAGE = 8
"""Calls in a row without an answer that make an outage; a service that refuses some brings fewer."""


class OutageDetector:
    """Tells whether the service is up, by what calls brought; ``verified`` is whether it has answered before."""

    def __init__(self, connect_timeout: float, clock: Callable[[], float], *, verified: bool = False) -> None:
        self._connect_timeout = connect_timeout
        self._clock = clock
        self._verified = verified
        self._last_answer: datetime | None = None
        self._silent_since: float | None = None
        self._last_status: str | None = None
        self._first_asked: float | None = None
        self._needed = 0.0  # seconds for a call, as far as the last answer, or the lack of any, tells
        self.failures = 0
        """Calls in a row that brought no answer."""
        self.waiting_calls = 0
        """Calls under way that wait for the connection."""

    @property
    def answered(self) -> bool:
        return self._verified or self._last_answer is not None

    @property
    def is_away(self) -> bool:
        return self.failures >= OUTAGE

    @property
    def never_answered(self) -> bool:
        """Whether the service has been silent for the connect timeout without ever having answered."""
        if self.answered or self._first_asked is None:
            return False
        return self._clock() - self._first_asked >= self._connect_timeout

    @property
    def should_wait_for_connection(self) -> bool:
        """Whether a call waits for the service's return (gRPC's wait_for_ready).

        Otherwise, and before the first answer, gRPC should say at once what is wrong: of a connection that went away
        the first call says that, and the next one why there is no other. A few wait, to be there the moment it is
        back; of the others each fails, and counts. All that wait are made at once at its return.
        """
        return self.answered and self.failures > 1 and self.waiting_calls < OUTAGE

    @property
    def request_timeout(self) -> float:
        return REQUEST_TIMEOUT if self.answered else self._connect_timeout

    @property
    def current(self) -> Health:
        """What calls brought lately; may be read from any thread."""
        since = self._silent_since
        silent = self._clock() - since if since is not None else None
        return Health(self._last_answer, silent, self._last_status if silent is not None else None)

    def was_silent_since(self, made: float) -> bool:
        """Whether a request that was made then has met nothing but silence for as long as it may take."""
        now = self._clock()
        silent = now - self._silent_since if self._silent_since is not None else 0.0
        return min(now - made, silent) >= self.request_timeout

    def restart(self) -> None:
        """Count the silence of a service that never answered from the next call on."""
        self._first_asked = None

    def note_answer(self, took: float) -> None:
        """Note the seconds in which an answer came: others may need twice as many."""
        self._note_reply()
        self._needed = min(LONGEST_CALL, 2 * took)

    def note_failure(self, failed: CallFailed, given: float) -> None:
        """Note a call that failed within the seconds given: a refusal is a reply, other failures are silence."""
        if failed.on_get not in (OnGet.RETRY, OnGet.BACK_OFF):
            self._note_reply()
            return
        self.failures += 1
        self._last_status = str(failed)
        if self._silent_since is None:
            self._silent_since = self._clock()
        if self.failures == OUTAGE:
            _log.debug("the service is away: %d calls in a row brought no answer", self.failures)
        if failed.on_get is OnGet.BACK_OFF:  # no answer about the operation, and yet the service is there
            self._last_answer = datetime.now(timezone.utc)
        if failed.code == "DEADLINE_EXCEEDED" and self.is_away:  # while nothing is answered, the next has twice as many
            self._needed = min(LONGEST_CALL, max(self._needed, 2 * given))

    def call_timeout(self, deadline: float, *, missed: bool) -> float:
        """Return the seconds for the next call about an operation; ``missed``: the last one brought no answer."""
        if self.answered:
            return min(PROBE_TIMEOUT, deadline) if self.is_away and not missed else max(deadline, self._needed)
        now = self._clock()
        if self._first_asked is None:
            self._first_asked = now
        return max(0.1, self._first_asked + self._connect_timeout - now)

    def _note_reply(self) -> None:
        if self._silent_since is not None:
            silent = self._clock() - self._silent_since
            _log.debug("the service answers again after %.1f s and %d calls without an answer", silent, self.failures)
        self._last_answer = datetime.now(timezone.utc)
        self._silent_since = self._last_status = None
        self.failures = 0
