"""A single request: made again until it is answered or its deadline passes."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, TypeVar

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnCancel
from ds_ops_magic.polling.rate_limit import Caller
from ds_ops_magic.polling.retry import Action, Attempts, CallFailed, Failure
from ds_ops_magic.util.text import duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ds_ops_magic.model.sources import Call
    from ds_ops_magic.polling.host import Answer, Host

_CHECK_INTERVAL = 0.1  # seconds between two checks whether waiting for a call is of no use any more
_MAX_CONCURRENT = 16  # requests under way: cancelling a thousand operations is no reason for a storm

ResultT = TypeVar("ResultT")


class Requests:
    """Carries single requests through, on the loop of the host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._time = asyncio.get_running_loop().time
        self._places = asyncio.Semaphore(_MAX_CONCURRENT)

    async def get(self, key: str, doing: str = "get") -> Answer:
        """Ask about an operation; ``doing`` is what an error says could not be done."""

        async def attempt(timeout: float) -> Answer:
            return self._host.read(key, await self._host.get(key, timeout))

        try:
            return await self._carry(key, attempt, cancel=False)
        except CallFailed as failed:
            raise self._host.refusal(failed, key, doing) from None

    async def cancel(self, key: str) -> Answer:
        """Ask for an operation to be cancelled; where it has already ended, return the answer to Get."""

        async def attempt(timeout: float) -> Answer:
            return self._host.read(key, await self._host.cancel(key, timeout))

        try:
            return await self._carry(key, attempt, cancel=True)
        except UnreadableAnswer:
            return await self.get(key)  # the cancel has arrived
        except CallFailed as failed:
            if failed.on_cancel is OnCancel.SETTLED:
                answer = await self.get(key)
                if answer.operation.done:
                    return answer
            raise self._host.refusal(failed, key, "cancel") from None

    async def call(self, call: Call, key: str, doing: str, *, cancel: bool = False) -> bytes:
        """Make any call about a key; returns the serialized answer."""
        try:
            return await self._carry(key, lambda timeout: self._host.call(call, key, timeout), cancel=cancel)
        except CallFailed as failed:
            raise self._host.refusal(failed, key, doing) from None

    async def _carry(self, key: str, attempt: Callable[[float], Awaitable[ResultT]], *, cancel: bool) -> ResultT:
        """Make attempts, which take the seconds they have; raises CallFailed where the service refused for good."""
        host, made = self._host, self._time()
        deadline, attempts = math.inf, Attempts()
        while True:
            async with self._places:
                await self._acquire(made)
                # It runs from the first call: waiting behind other requests takes nothing of its time.
                deadline = min(deadline, self._time() + host.health.request_timeout)
                token_generation = host.connection.token_generation
                try:
                    # All the time that is left: a slow service is heard too.
                    return await attempt(max(0.1, deadline - self._time()))
                except (CallFailed, UnreadableAnswer) as error:
                    failed: Failure = error
            action = attempts.after(failed, cancel=cancel)
            if action is Action.FAIL:
                raise failed
            if action is Action.REFRESH:
                await host.refresher.refresh(token_generation, made, deadline)
                continue
            delay = host.delay_after(failed, attempts, key)
            if self._time() + delay >= deadline:
                raise failed if isinstance(failed, UnreadableAnswer) else host.unavailable(str(failed))
            await asyncio.sleep(delay)

    async def _acquire(self, made: float) -> None:
        """Wait until a call can be made; give up when the service has been silent for too long since ``made``."""
        self._check_service(made)
        limiter = self._host.limiter
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
        health, blocked = self._host.health, self._host.limiter.blocked_for()
        if health.was_silent_since(made):
            raise self._host.unavailable(health.current.last_status or "")
        if blocked > health.request_timeout:
            raise self._host.unavailable(f"RESOURCE_EXHAUSTED: it wants no calls for another {duration(blocked)}")
