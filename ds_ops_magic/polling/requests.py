"""A single get or cancel: made again until it is answered or its deadline passes."""

from __future__ import annotations

import asyncio
import math

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnCancel
from ds_ops_magic.polling.rate_limit import Caller
from ds_ops_magic.polling.retry import Action, Attempts, CallFailed, Failure
from ds_ops_magic.polling.service import Answer, OperationService, read
from ds_ops_magic.util.text import duration

_CHECK_INTERVAL = 0.1  # seconds between two checks whether waiting for a call is of no use any more
_MAX_CONCURRENT = 16  # requests under way: cancelling a thousand operations is no reason for a storm


class Requests:
    """Carries single requests through, on the loop of the service."""

    def __init__(self, service: OperationService) -> None:
        self._service = service
        self._time = asyncio.get_running_loop().time
        self._places = asyncio.Semaphore(_MAX_CONCURRENT)

    async def get(self, operation_id: str) -> Answer:
        try:
            return await self._answer(operation_id, cancel=False)
        except CallFailed as failed:
            raise self._service.refusal(failed, operation_id, "get") from None

    async def cancel(self, operation_id: str) -> Answer:
        """Ask for an operation to be cancelled; where it has already ended, return the answer to Get."""
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
        """Ask until there is an answer; raises CallFailed where the service refused for good."""
        service, made = self._service, self._time()
        call = service.cancel if cancel else service.get
        deadline, attempts = math.inf, Attempts()
        while True:
            async with self._places:
                await self._acquire(made)
                # It runs from the first call: waiting behind other requests takes nothing of its time.
                deadline = min(deadline, self._time() + service.health.request_timeout)
                token_generation = service.connection.token_generation
                try:
                    # All the time that is left: a slow service is heard too.
                    return read(operation_id, await call(operation_id, max(0.1, deadline - self._time())))
                except (CallFailed, UnreadableAnswer) as error:
                    failed: Failure = error
            action = attempts.after(failed, cancel=cancel)
            if action is Action.FAIL:
                raise failed
            if action is Action.REFRESH:
                await service.refresher.refresh(token_generation, made, deadline)
                continue
            delay = service.delay_after(failed, attempts, operation_id)
            if self._time() + delay >= deadline:
                raise failed if isinstance(failed, UnreadableAnswer) else service.unavailable(str(failed))
            await asyncio.sleep(delay)

    async def _acquire(self, made: float) -> None:
        """Wait until a call can be made; give up when the service has been silent for too long since ``made``."""
        self._check_service(made)
        limiter = self._service.limiter
        if limiter.acquire_nowait(Caller.REQUEST):
            return
        turn = asyncio.ensure_future(limiter.acquire(Caller.REQUEST))
        try:
            while not turn.done():
                await asyncio.wait({turn}, timeout=_CHECK_INTERVAL)
                self._check_service(made)
        finally:
            turn.cancel()

    def _check_service(self, made: float) -> None:
        health, blocked = self._service.health, self._service.limiter.blocked_for()
        if health.was_silent_since(made):
            raise self._service.unavailable(health.current.last_status or "")
        if blocked > health.request_timeout:
            raise self._service.unavailable(f"RESOURCE_EXHAUSTED: it wants no calls for another {duration(blocked)}")
