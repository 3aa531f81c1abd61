"""A single get or cancel, asked again as the table of codes says until it is answered or its deadline passes."""

from __future__ import annotations

import asyncio
import math
import random
import time
from typing import TYPE_CHECKING

from ds_ops_magic.model import errors, grpc_codes
from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnCancel, OnGet, meaning_of
from ds_ops_magic.polling.calls import UNREADABLE_RETRIES, CallFailed, OperationServiceCalls, is_over_the_limit, read
from ds_ops_magic.polling.reauth import Refresher
from ds_ops_magic.polling.schedule import retry_delay
from ds_ops_magic.util.text import duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.polling.rate_limit import Pace

REQUEST_TIMEOUT = 10.0
"""Seconds that a single get or cancel goes on trying."""

_LOOK = 0.1  # seconds between two looks at whether waiting for a turn has become hopeless
_AT_ONCE = 16  # requests under way: cancelling a thousand operations is no reason for a storm
_AGAIN = {OnGet.RETRY, OnGet.BACK_OFF, OnGet.RETRY_LIMITED, OnCancel.RETRY}
_REFRESH = {OnGet.REFRESH, OnCancel.REFRESH}


class Requests:
    """Carries single requests through on the poller's loop.

    Args:
        calls: The calls of the service.
        connection: Whose credentials are refreshed when the service refuses them.
        connect_timeout: Seconds of silence that are final while the service has never answered.
        pace: Says when a call can be made; shared with those that follow operations.
    """

    def __init__(
        self, calls: OperationServiceCalls, connection: Connection, connect_timeout: float, pace: Pace
    ) -> None:
        self._calls = calls
        self._connection = connection
        self._connect_timeout = connect_timeout
        self._pace = pace
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._refresher = Refresher(connection)

    @property
    def token_generation(self) -> int:
        """Number of the credentials in use: others have another one."""
        return self._connection.token_generation

    async def get(self, operation_id: str) -> Operation:
        """Ask for an operation.

        Raises:
            OperationsError: The service refused, cannot be read, or did not answer in time.
        """
        unreadable = 0
        while True:
            try:
                return read(operation_id, await self._answer(self._calls.get, operation_id, "get"))
            except CallFailed as failed:
                raise refusal(failed, operation_id, "get", self._connection) from None
            except UnreadableAnswer:  # one that was cut off on the way is whole the next time
                unreadable += 1
                if unreadable > UNREADABLE_RETRIES:
                    raise

    async def cancel(self, operation_id: str) -> Operation:
        """Ask for an operation to be cancelled; one that has already ended is returned as it is.

        Raises:
            CancelNotSupported: The service does not cancel this operation.
            OperationsError: The service refused, cannot be read, or did not answer in time.
        """
        try:
            return read(operation_id, await self._answer(self._calls.cancel, operation_id, "cancel"))
        except UnreadableAnswer:
            return await self.get(operation_id)  # the cancel has arrived
        except CallFailed as failed:
            if meaning_of(failed.code).cancel is OnCancel.SETTLED:
                operation = await self.get(operation_id)
                if operation.done:
                    return operation
            raise refusal(failed, operation_id, "cancel", self._connection) from None

    async def refresh(self, token_generation: int, since: float, until: float = math.inf) -> None:
        """See that there are other credentials than those a call was refused with (`Refresher.refresh`)."""
        await self._refresher.refresh(token_generation, since, until)

    async def _answer(self, call: Callable[[str, float], Awaitable[bytes]], operation_id: str, doing: str) -> bytes:
        """Ask until there is an answer.

        Raises:
            CallFailed: The service refused for good.
            ServiceUnavailable: The deadline passed.
        """
        made, deadline = time.monotonic(), math.inf
        attempts, refreshed = 0, False
        while True:
            async with self._places:
                await self._turn(made)
                # It runs from the first turn: those that went before have taken nothing of this one's time.
                deadline = min(deadline, time.monotonic() + self._patience())
                left, credentials = max(0.1, deadline - time.monotonic()), self.token_generation
                try:
                    return await call(operation_id, left)  # a slow service is heard too
                except CallFailed as error:
                    failed = error
            attempts += 1
            step = _step(failed, doing)
            if step in _REFRESH and not refreshed:
                refreshed = True
                await self.refresh(credentials, made, deadline)
                continue
            if step not in _AGAIN or (step is OnGet.RETRY_LIMITED and attempts > 3):
                raise failed
            if failed.code == "RESOURCE_EXHAUSTED":
                self._pace.budget.slow_down(time.monotonic(), failed.retry_after)
            delay = max(failed.retry_after or 0.0, retry_delay(attempts, random.random()))  # noqa: S311  # jitter
            if time.monotonic() + delay >= deadline:
                raise grpc_codes.unavailable(f"{failed.code}: {failed.words}", self._connection.endpoint)
            await asyncio.sleep(delay)

    async def _turn(self, made: float) -> None:
        """Wait until a call can be made.

        Args:
            made: When the request was made, on the monotonic clock.

        Raises:
            ServiceUnavailable: The service has been silent ever since, for too long; or wants no calls for too long.
        """
        self._check_hope(made)
        turn = self._pace.turn()
        try:
            while not turn.done():
                await asyncio.wait({turn}, timeout=_LOOK)
                self._check_hope(made)
        finally:
            turn.cancel()

    def _check_hope(self, made: float) -> None:
        now, health = time.monotonic(), self._calls.health
        if min(now - made, health.silent_for or 0.0) >= self._patience():
            raise grpc_codes.unavailable(health.last_status or "", self._connection.endpoint)
        if (blocked := self._pace.budget.blocked_for(now)) > self._patience():
            words = f"RESOURCE_EXHAUSTED: it wants no calls for another {duration(blocked)}"
            raise grpc_codes.unavailable(words, self._connection.endpoint)

    def _patience(self) -> float:
        return REQUEST_TIMEOUT if self._calls.answered else self._connect_timeout


def refusal(failed: CallFailed, operation_id: str, doing: str, connection: Connection) -> OperationsError:
    """Make the error a user reads of a call that was refused for good."""
    if is_over_the_limit(failed):
        return errors.unreadable(operation_id, None, failed.words)
    return grpc_codes.error_for(failed.code, failed.words, operation_id, doing, connection.source)


def _step(failed: CallFailed, doing: str) -> OnGet | OnCancel:
    if is_over_the_limit(failed):
        return OnGet.FAIL
    meaning = meaning_of(failed.code)
    return meaning.cancel if doing == "cancel" else meaning.get
