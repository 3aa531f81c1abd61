"""One call of the OperationService at a time, and what its channel has been saying lately."""

from __future__ import annotations

import asyncio
import functools
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as StatusMessage
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

from ds_ops_magic.model.errors import another_operation, unreadable
from ds_ops_magic.model.grpc_codes import OnGet, code_of, meaning_of
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.view import Health

if TYPE_CHECKING:
    from ds_ops_magic.connection.connection import Connection

MAX_ANSWER = 16 * 1024 * 1024
"""The largest answer that is read, in bytes."""

UNREADABLE_RETRIES = 2
"""How often it is asked again after answers in a row that cannot be read."""
LONGEST_RETRY = 300.0
"""Seconds for which an operation is left alone at most, however long the service asks for (RetryInfo)."""

_SERVICE = "/yandex.cloud.operation.OperationService"
_OPTIONS = (
    # Resumes within a second of the server's return; the defaults take 11-16 s after half a minute down.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # An attempt to connect that meets silence is given up; by default it holds up the next one for 20 s.
    ("grpc.min_reconnect_backoff_ms", 1500),
    # Without it a new channel is given the old one's dead socket.
    ("grpc.use_local_subchannel_pool", 1),
    # A connection that has gone silent is found in seconds; all three are needed.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 2_000),
    ("grpc.max_receive_message_length", MAX_ANSWER),
)


# Seconds from the last call that was given up to the end of its loop. All loops of a process share gRPC's queue of
# events; the event of such a call that comes when its loop is closed is an error in the log of another one.
_LAST_EVENTS = 0.05
_IS_OVERDUE = 0.0
_IS_LET_GO = -1.0


class CallFailed(Exception):
    """A call that brought no answer, or a refusal; internal: a user meets one of the errors of `errors` instead.

    Attributes:
        code: Name of the gRPC code.
        words: The service's or gRPC's own words.
        retry_after: Seconds the service asked to wait (RetryInfo), at most `LONGEST_RETRY`; None where it did not.
    """

    def __init__(self, code: str, words: str, retry_after: float | None = None) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words
        self.retry_after = retry_after


class OperationServiceCalls:
    """The two calls of an OperationService over one channel. Lives on one event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel: grpc.aio.Channel | None = None
        self._methods: dict[str, Any] = {}
        self._open()
        self._opened = asyncio.Event()
        self._opened.set()
        self._pauses = 0
        self._loop = asyncio.get_running_loop()
        self._overdue_at: dict[grpc.aio.Call, float] = {}  # the calls under way
        self._looks_again: asyncio.TimerHandle | None = None
        self._given_up_at = 0.0
        self._last_answer: datetime | None = None
        self._silent_since: float | None = None
        self._last_status: str | None = None
        self.failures = 0
        """Calls in a row that brought no answer."""

    @property
    def answered(self) -> bool:
        """Whether the service has ever answered."""
        return self._last_answer is not None or self._connection.verified

    @property
    def health(self) -> Health:
        """What the channel has been saying lately; may be read from any thread."""
        since = self._silent_since
        silent = time.monotonic() - since if since is not None else None
        return Health(self._last_answer, silent, self._last_status if silent is not None else None)

    async def get(self, operation_id: str, timeout: float) -> bytes:
        """Ask for an operation; ``timeout`` in seconds.

        Raises:
            CallFailed: It brought no answer, or a refusal.
        """
        return await self._call("Get", GetOperationRequest(operation_id=operation_id), timeout)

    async def cancel(self, operation_id: str, timeout: float) -> bytes:
        """Ask for an operation to be cancelled; ``timeout`` in seconds.

        Raises:
            CallFailed: It brought no answer, or a refusal.
        """
        return await self._call("Cancel", CancelOperationRequest(operation_id=operation_id), timeout)

    async def close(self) -> None:
        """Close the channel, and let go of it: gRPC ends its poller thread with the last channel."""
        channel, self._channel = self._channel, None
        self._methods.clear()
        if channel is not None:
            await channel.close(None)
            await asyncio.sleep(self._given_up_at + _LAST_EVENTS - self._loop.time())

    def pause(self) -> None:
        """Make no call until `resume`; `let_go` closes the channel."""
        self._pauses += 1
        self._opened.clear()

    async def let_go(self) -> None:
        """Close the channel of a pause that has not been taken back; calls under way are made again afterwards."""
        if not self._pauses:
            return
        for call in self._overdue_at:
            self._overdue_at[call] = _IS_LET_GO
        await self.close()
        while self._overdue_at and self._pauses:  # until the calls that were have let go of the channel too
            await asyncio.sleep(0.001)

    def resume(self) -> None:
        """Open the channel again, when every `pause` has been followed by this; it may come before `let_go`."""
        self._pauses -= 1
        if not self._pauses:
            if self._channel is None:
                self._open()
            self._opened.set()

    def _open(self) -> None:
        _idle_channel()
        self._channel = channel = self._connection.channel(_OPTIONS)
        # Bytes in, bytes out: grpc.aio turns a message with broken UTF-8 into None without an error.
        self._methods = {name: channel.unary_unary(f"{_SERVICE}/{name}") for name in ("Get", "Cancel")}

    async def _call(self, name: str, request: Message, timeout: float) -> bytes:
        data = request.SerializeToString()
        while True:
            while not self._opened.is_set():  # one pause may follow the other
                await self._opened.wait()
            said = await self._attempt(name, data, timeout)
            if isinstance(said, bytes):
                self._note_answer()
                return said
            if said is not None:
                break
        step = OnGet.FAIL if is_over_the_limit(said) else meaning_of(said.code).get
        if step in (OnGet.RETRY, OnGet.BACK_OFF):
            self._note_silence(said)
        else:
            self._note_answer()
        if step is OnGet.BACK_OFF:  # no answer about the operation, and yet the service is there
            self._last_answer = datetime.now(timezone.utc)
        raise said

    async def _attempt(self, name: str, request: bytes, timeout: float) -> bytes | CallFailed | None:
        """Make a call: an answer, why there is none, or None when the channel was closed under it."""
        # In an outage a call waits for the service's return. Otherwise, and before the first answer, gRPC should say
        # at once what is wrong: of a connection that went away the first call says that, and the next one why there is
        # no other.
        waits = self.answered and self.failures > 1
        call = self._methods[name](request, timeout=timeout, metadata=self._connection.metadata(), wait_for_ready=waits)
        self._overdue_at[call] = self._loop.time() + timeout + 1.0
        self._look_for_overdue()
        try:
            return self._connection.without_secrets(cast("bytes", await call), request)
        except asyncio.CancelledError:
            if self._overdue_at[call] == _IS_OVERDUE:
                return CallFailed("DEADLINE_EXCEEDED", "the call did not end within its deadline")
            if self._overdue_at[call] == _IS_LET_GO:
                return None
            self._given_up_at = self._loop.time()
            raise  # the task was cancelled, and gRPC has cancelled the call with it
        except grpc.RpcError as error:
            return self._failed(error)
        except BaseException as error:  # a given SDK may raise anything
            error.with_traceback(None)  # its frames would keep the channel open until the collector comes
            # A call that gRPC cannot even make. Its words may hold what was to be sent, the token with it.
            return CallFailed("INTERNAL", f"gRPC could not make the call ({type(error).__name__})")
        finally:
            del self._overdue_at[call]

    def _look_for_overdue(self) -> None:
        """Look once a second, while there are calls, for one that outlives gRPC's own deadline: none may hang for ever.

        It happens when a forked child that uses grpc.aio has stalled the poller of its parent.
        """
        if self._looks_again is None and self._overdue_at:
            self._looks_again = self._loop.call_later(1.0, self._give_overdue_up)

    def _give_overdue_up(self) -> None:
        now, self._looks_again = self._loop.time(), None
        for call, at in list(self._overdue_at.items()):
            if at != _IS_LET_GO and at < now:
                self._overdue_at[call] = _IS_OVERDUE
                call.cancel()
        self._look_for_overdue()

    def _failed(self, error: Any) -> CallFailed:
        words = self._connection.redacted(error.details() or "")
        return CallFailed(code_of(error.code().name, words), words, _retry_after(error))

    def _note_answer(self) -> None:
        self._last_answer = datetime.now(timezone.utc)
        self._silent_since = self._last_status = None
        self.failures = 0

    def _note_silence(self, failed: CallFailed) -> None:
        self.failures += 1
        self._last_status = f"{failed.code}: {failed.words}"
        if self._silent_since is None:
            self._silent_since = time.monotonic()


def read(operation_id: str, data: bytes) -> Operation:
    """Parse an answer.

    Raises:
        UnreadableAnswer: The bytes are not an Operation, broken UTF-8 included; or they are about another one. An
            answer without an id is about the one that was asked about.
    """
    try:
        operation = Operation.from_bytes(data)
    except DecodeError as error:
        raise unreadable(operation_id, len(data), str(error)) from None
    if operation_id and operation.id and operation.id != operation_id:  # the first question of a client is about none
        raise another_operation(operation_id, operation.id)
    return operation


@functools.cache
def _idle_channel() -> grpc.Channel:
    """Keep gRPC from shutting down when the last channel is closed before a fork.

    It would do so on a thread of its own, which may hold gRPC's lock at that moment: in the child, where that thread is
    not, the next channel would then wait for the lock for ever. While gRPC is up, its own fork handlers take care.
    """
    return grpc.insecure_channel("unix:/never-connected")


def is_over_the_limit(failed: CallFailed) -> bool:
    """Tell gRPC's own refusal of a large answer from a service's quota: both are RESOURCE_EXHAUSTED."""
    return failed.code == "RESOURCE_EXHAUSTED" and "larger than max" in failed.words


def _retry_after(error: Any) -> float | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return _retry_info(value)
    return None


def _retry_info(data: bytes) -> float | None:
    wanted = RetryInfo()
    try:
        for detail in StatusMessage.FromString(data).details:
            if detail.Unpack(wanted):
                seconds = float(wanted.retry_delay.seconds + wanted.retry_delay.nanos / 1e9)
                return min(LONGEST_RETRY, max(0.0, seconds))
    except DecodeError:
        return None
    return None
