"""Reading a stream of a service to its end, however often it is cut on the way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from typing import TYPE_CHECKING, Protocol

from ds_ops_magic.model.errors import OperationsError, UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnGet
from ds_ops_magic.polling.rate_limit import Caller
from ds_ops_magic.polling.retry import Action, Attempts, CallFailed, retry_delay
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from ds_ops_magic.model.waiting import Patience
    from ds_ops_magic.polling.service import OperationService

_log = logging.getLogger(__name__)

STREAM_TIMEOUT = 300.0
"""Seconds of one stream at most; it goes on where it was, in another one."""
GIVE_UP_AFTER = 10.0
"""Seconds of failures that end the reading of what was never answered, or is over."""
LONGEST_PAUSE = 0.7
"""Seconds between two streams at most while calls are answered: lines come within a second, and calls are few."""
_CHECK_INTERVAL = 0.25  # seconds between two looks at whether a stream that stands still will bring more


class Stream(Protocol):
    """What is read: where to go on, and who takes the answers. All of it is called on the poller's loop."""

    service: str  # whose host is asked, by its id in endpoint discovery
    method: str
    operation_id: str
    patience: Patience
    once: bool  # the first stream that ends or stands still is the last one

    def request(self) -> bytes:
        """Return the request for what has not come yet; a new stream follows."""

    def take(self, answer: bytes) -> bool:
        """Take an answer over, and tell whether it brought something new. Raises UnreadableAnswer."""

    def has_room(self) -> bool:
        """Tell whether the next answer may come."""

    async def room(self) -> None:
        """Wait until the next answer may come."""

    def is_over(self) -> bool:
        """Tell whether what writes to the stream has ended."""

    def refusal(self, code: str, message: str) -> OperationsError:
        """Make the error of a call that the service refused."""

    def end(self, error: OperationsError | None) -> None:
        """Note that nothing more will come; the error is why, where it is not the end."""


async def read_to_end(service: OperationService, stream: Stream) -> None:
    """Read until the operation is over and one more stream brings nothing."""
    try:
        await _Reading(service, stream).run()
    except OperationsError as error:
        stream.end(error)
    else:
        stream.end(None)


class _Reading:
    def __init__(self, service: OperationService, stream: Stream) -> None:
        self._service = service
        self._stream = stream
        self._time = asyncio.get_running_loop().time
        self._attempts = Attempts()
        self._answered = False
        self._failing_since: float | None = None
        self._last_came = 0.0  # when the last answer came, infinity while there is no room for more
        self._brought = 0  # answers of this stream that were new

    async def run(self) -> None:
        empty = 0
        while True:
            over, began = self._stream.is_over(), self._time()
            try:
                await self._read_once(over)
            except (CallFailed, UnreadableAnswer) as failed:
                if self._time() - began < STREAM_TIMEOUT or getattr(failed, "code", "") != "DEADLINE_EXCEEDED":
                    await self._failed(failed, over, began)
                    continue
            self._answered, self._failing_since = True, None
            self._attempts.note_answer()
            if over and (self._stream.once or not self._brought):
                return
            empty = 0 if self._brought else empty + 1
            await asyncio.sleep(retry_delay(empty, random.random(), longest=LONGEST_PAUSE))  # noqa: S311  # jitter

    async def _failed(self, failed: CallFailed | UnreadableAnswer, over: bool, began: float) -> None:
        service, now = self._service, self._time()
        if self._brought or now - began > GIVE_UP_AFTER:  # it was answered, and then cut
            self._answered, self._failing_since = True, None
            self._attempts.note_answer()
        action = self._attempts.after(failed)
        _log.debug("%s: the stream of its log ended: %s", tidy(self._stream.operation_id, 50), type(failed).__name__)
        if action is Action.FAIL:
            raise failed if isinstance(failed, UnreadableAnswer) else self._stream.refusal(failed.code, failed.message)
        if action is Action.REFRESH:
            await service.refresher.refresh(self._token_generation, began)
            return
        if self._failing_since is None:
            self._failing_since = began
        if (over or not self._answered) and now - self._failing_since >= GIVE_UP_AFTER:
            raise failed if isinstance(failed, UnreadableAnswer) else service.unavailable(str(failed))
        wanted = 0.0
        if isinstance(failed, CallFailed) and failed.on_get is OnGet.BACK_OFF:
            service.limiter.slow_down(failed.retry_after)
            wanted = failed.retry_after or 0.0
        await asyncio.sleep(max(wanted, retry_delay(self._attempts.failures, random.random())))  # noqa: S311  # jitter

    async def _read_once(self, over: bool) -> None:
        """Read one stream to its end, or until it stands still though the operation is over."""
        await self._service.limiter.acquire(Caller.REQUEST)
        self._token_generation = self._service.connection.token_generation
        self._brought, self._last_came = 0, self._time()
        over_since = self._time() if over else math.inf
        reading = asyncio.ensure_future(self._take_all())
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=_CHECK_INTERVAL)
                now = self._time()
                if over_since == math.inf and self._stream.is_over():
                    over_since = now
                patience = self._stream.patience.first if over and not self._brought else self._stream.patience.later
                if now - max(self._last_came, over_since) >= patience:
                    break
            if reading.done():
                if reading.cancelled():
                    raise CallFailed("CANCELLED", "the channel was closed for a fork")
                reading.result()
        finally:
            if not reading.done():
                reading.cancel()
                await asyncio.wait({reading})
                if not reading.cancelled():
                    reading.exception()  # it was cut in the same moment

    async def _take_all(self) -> None:
        stream = self._stream
        answers = self._service.stream(stream.method, stream.operation_id, stream.request(), STREAM_TIMEOUT)
        async with contextlib.aclosing(answers):
            async for answer in answers:
                self._last_came = self._time()
                self._brought += stream.take(answer)
                if not stream.has_room():
                    self._last_came = math.inf
                    await stream.room()
                    self._last_came = self._time()
