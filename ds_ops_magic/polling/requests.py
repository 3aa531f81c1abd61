"""A single get or cancel: made again until it is answered or its deadline passes."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnCancel
from ds_ops_magic.polling.failure import CallFailed
from ds_ops_magic.polling.rate_limit import Caller
from ds_ops_magic.polling.retry import Action, Attempts, retry_delay
from ds_ops_magic.polling.rpc import Answer, read
from ds_ops_magic.util.text import duration, tidy

if TYPE_CHECKING:
    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.polling.service import Service

_log = logging.getLogger(__name__)
_LOOK = 0.1  # seconds between two looks at whether waiting for a turn has become hopeless
_AT_ONCE = 16  # requests under way: cancelling a thousand operations is no reason for a storm


class Requests:
    """Carries single requests through, on the loop of the service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def get(self, operation_id: str) -> Answer:
        """Ask for an operation.

        Raises:
            OperationsError: The service refused, cannot be read, or did not answer in time.
        """
        try:
            return await self._answer(operation_id, cancel=False)
        except CallFailed as failed:
            raise self._service.refusal(failed, operation_id, "get") from None

    async def cancel(self, operation_id: str) -> Answer:
        """Ask for an operation to be cancelled; of one that has already ended the answer is to Get.

        Raises:
            CancelNotSupported: The service does not cancel this operation.
            OperationsError: The service refused, cannot be read, or did not answer in time.
        """
        try:
            return await self._answer(operation_id, cancel=True)
        except UnreadableAnswer:
            return await self.get(operation_id)  # the cancel has arrived
        except CallFailed as failed:
            if failed.on_cancel is OnCancel.SETTLED:
                answer = await self.get(operation_id)
                if answer.operation.done:
                    return answer
            raise self._service.refusal(failed, operation_id, "cancel") from None

    async def _answer(self, operation_id: str, *, cancel: bool) -> Answer:
        """Ask until there is an answer.

        Raises:
            CallFailed: The service refused for good.
            UnreadableAnswer: So are its answers; a Cancel is not made again for that.
            OperationsError: The deadline passed, or there are no fresh credentials.
        """
        service, made = self._service, self._time()
        call = service.calls.cancel if cancel else service.calls.get
        deadline, attempts = math.inf, Attempts()
        while True:
            error: CallFailed | UnreadableAnswer
            async with self._places:
                await self._turn(made)
                # It runs from the first turn: those that went before have taken nothing of this one's time.
                deadline = min(deadline, self._time() + service.health.request_timeout)
                token_generation = service.connection.token_generation
                try:
                    # All the time that is left: a slow service is heard too.
                    data = await call(operation_id, max(0.1, deadline - self._time()))
                    return read(operation_id, data)
                except (CallFailed, UnreadableAnswer) as caught:
                    error = caught
            if isinstance(error, UnreadableAnswer):
                action = Action.FAIL if cancel else attempts.after_unreadable()
            else:
                action = attempts.after(error, cancel=cancel)
            if action is Action.FAIL:
                raise error
            if action is Action.REFRESH:
                await service.refresher.refresh(token_generation, made, deadline)
            else:
                await self._pause(operation_id, error, attempts, deadline)

    async def _pause(
        self, operation_id: str, error: CallFailed | UnreadableAnswer, attempts: Attempts, deadline: float
    ) -> None:
        """Wait until the call is to be made again.

        Raises:
            OperationsError: That would be after the deadline.
        """
        given_up: OperationsError
        if isinstance(error, UnreadableAnswer):
            code, given_up = "unreadable", error
            delay = retry_delay(attempts.unreadable, random.random())  # noqa: S311  # jitter
        else:
            code, given_up = error.code, self._service.silence(str(error))
            delay = self._service.delay_after(error, attempts)
        if self._time() + delay >= deadline:
            raise given_up
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s: %s, next try in %.0f ms", tidy(operation_id, 50), code, delay * 1000)
        await asyncio.sleep(delay)

    async def _turn(self, made: float) -> None:
        """Wait until a call can be made.

        Args:
            made: When the request was made.

        Raises:
            ServiceUnavailable: The service has been silent ever since, for too long; or wants no calls for too long.
        """
        self._check_hope(made)
        limiter = self._service.limiter
        if limiter.acquire_nowait(Caller.REQUEST):
            return
        turn = asyncio.ensure_future(limiter.acquire(Caller.REQUEST))
        try:
            while not turn.done():
                await asyncio.wait({turn}, timeout=_LOOK)
                self._check_hope(made)
        finally:
            turn.cancel()

    def _check_hope(self, made: float) -> None:
        health = self._service.health
        if health.was_silent_since(made):
            raise self._service.silence(health.health.last_status or "")
        if (blocked := self._service.limiter.blocked_for()) > health.request_timeout:
            raise self._service.silence(f"RESOURCE_EXHAUSTED: it wants no calls for another {duration(blocked)}")

    def _time(self) -> float:
        return asyncio.get_running_loop().time()
