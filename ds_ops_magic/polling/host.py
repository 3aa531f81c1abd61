"""One host as the poller sees it: the calls to it, whether it is up, the rate limit and the credentials."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError

from ds_ops_magic.model import errors, grpc_codes
from ds_ops_magic.model.errors import OperationsError, UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnGet
from ds_ops_magic.model.ids import OPERATION, split_key
from ds_ops_magic.model.sources import PLAIN, Services, cancel_operation
from ds_ops_magic.polling.channel import Channel
from ds_ops_magic.polling.health import OutageDetector
from ds_ops_magic.polling.rate_limit import RateLimiter
from ds_ops_magic.polling.reauth import Refresher
from ds_ops_magic.polling.retry import Attempts, CallFailed, Failure
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.sources import Call, Source

_log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """An answer about an operation: its bytes as they came, and what they say."""

    data: bytes
    operation: Operation


class Host:
    """What single requests and tracked operations share. Lives on one event loop; its calls raise CallFailed.

    ``service`` is the id in endpoint discovery of what is there; other services may be at the same address.
    """

    def __init__(
        self,
        connection: Connection,
        rate: float,
        connect_timeout: float,
        services: Services | None = None,
        service: str = OPERATION,
    ) -> None:
        self.connection = connection
        self._endpoint = connection.address_of(service)
        self._services = services or Services()
        self._time = asyncio.get_running_loop().time
        self.channel = Channel(connection, service)
        verified = connection.verified and service == OPERATION
        self.health = OutageDetector(connect_timeout, self._time, verified=verified)
        self.limiter = RateLimiter(rate)
        self.refresher = Refresher(connection)

    async def get(self, key: str, timeout: float) -> bytes:
        return await self.call(self._services.source(key).get(split_key(key)[1]), key, timeout)

    async def cancel(self, key: str, timeout: float) -> bytes:
        return await self.call(cancel_operation(key), key, timeout)

    def read(self, key: str, data: bytes) -> Answer:
        """Parse an answer about a key. One that is no Operation, or about another one, raises UnreadableAnswer."""
        return read(key, data, self._services.source(key))

    async def stream(
        self, method: str, operation_id: str, request: bytes, timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Make a call that many messages answer. Its silence is none of the service: nothing may be there to say."""
        began, code, number = self._time(), "OK", 0
        try:
            async with contextlib.aclosing(self.channel.stream(method, request, timeout)) as answers:
                async for answer in answers:
                    number += 1
                    yield answer
        except CallFailed as failed:
            code = failed.code
            raise
        finally:
            if _log.isEnabledFor(logging.DEBUG):
                name, shown, took = method.rpartition("/")[2], tidy(operation_id, 50), self._time() - began
                _log.debug("%s %s: %s after %.1f s and %d messages", name, shown, code, took, number)

    def delay_after(self, failed: Failure, attempts: Attempts, key: str) -> float:
        """Return the seconds until a failed call is made again; slows all calls down where the service wants that."""
        if isinstance(failed, CallFailed) and failed.on_get is OnGet.BACK_OFF:
            self.limiter.slow_down(failed.retry_after)
        delay = attempts.delay_after(failed, self.health.failures, random.random())  # noqa: S311  # jitter
        if _log.isEnabledFor(logging.DEBUG):
            reason = failed.code if isinstance(failed, CallFailed) else "unreadable"
            _log.debug("%s: %s, next try in %.0f ms", tidy(key, 50), reason, delay * 1000)
        return delay

    def refusal(self, failed: Failure, key: str, doing: str) -> OperationsError:
        """Make the error a user reads of a call that failed for good; ``doing`` is wait, get or cancel."""
        if isinstance(failed, UnreadableAnswer):
            return failed
        if failed.is_over_the_limit:
            return errors.unreadable(key, None, failed.message)
        return grpc_codes.error_for(failed.code, failed.message, key, doing, self.connection.source)

    def unavailable(self, status: str) -> OperationsError:
        """Make the error a user reads when there is no answer; ``status`` is what gRPC said last."""
        return grpc_codes.unavailable(status, self._endpoint)

    async def call(self, call: Call, key: str, timeout: float) -> bytes:
        """Make a call about a key, and note what it tells of the host."""
        began, code = self._time(), "OK"
        wait = self.health.should_wait_for_connection
        self.health.waiting_calls += wait
        try:
            answer = await self.channel.call(call.method, call.request, timeout, wait_for_ready=wait)
            self.health.note_answer(self._time() - began)
        except CallFailed as failed:
            code = failed.code
            self.health.note_failure(failed, timeout)
            raise
        finally:
            self.health.waiting_calls -= wait
            if _log.isEnabledFor(logging.DEBUG):
                took = (self._time() - began) * 1000
                _log.debug("%s %s: %s in %.0f ms", call.method.rpartition("/")[2], tidy(key, 50), code, took)
        return answer


def read(key: str, data: bytes, source: Source = PLAIN) -> Answer:
    """Parse an answer of a source, as `Host.read` does."""
    try:
        operation = source.read(key, data)
    except DecodeError as error:
        raise errors.unreadable(key, len(data), str(error)) from None
    # The first question of a client is about none; an answer without an id is about the one that was asked about.
    if key and operation.id and operation.id != key:
        raise errors.another_operation(key, operation.id)
    return Answer(data, operation)
