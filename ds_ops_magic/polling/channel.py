"""The channel to a service: opened and closed, closed while the process forks, and the calls that go over it."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio

from ds_ops_magic.model.grpc_codes import code_of
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.polling.retry import CallFailed, retry_after
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ds_ops_magic.connection.connection import Connection

_log = logging.getLogger(__name__)

MAX_ANSWER = 16 * 1024 * 1024
"""The largest answer that is read, in bytes."""

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
_OVERDUE = 0.0
_PAUSED = -1.0


class Channel:
    """A channel to the host of a service, by its id in endpoint discovery. Lives on one event loop."""

    def __init__(self, connection: Connection, service: str = OPERATION) -> None:
        self._connection = connection
        self._service = service
        self._channel: grpc.aio.Channel | None = None
        self._methods: dict[str, Any] = {}
        self._open()
        self._opened = asyncio.Event()
        self._opened.set()
        self._pauses = 0
        self._loop = asyncio.get_running_loop()
        self._overdue_at: dict[grpc.aio.Call, float] = {}  # the calls under way
        self._readers: dict[grpc.aio.Call, asyncio.Task[Any]] = {}  # of those that many messages answer
        self._next_check: asyncio.TimerHandle | None = None
        self._given_up_at = 0.0

    async def call(self, method: str, request: bytes, timeout: float, *, wait_for_ready: bool) -> bytes:
        """Call a method by its full name, and once more if the channel is closed for a fork; raises CallFailed."""
        while True:
            while not self._opened.is_set():  # one pause may follow the other
                await self._opened.wait()
            answer = await self._attempt(method, request, timeout, wait_for_ready)
            if isinstance(answer, bytes):
                return answer
            if answer is not None:
                raise answer

    async def stream(
        self, method: str, request: bytes, timeout: float, *, wait_for_ready: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Make a call that many messages answer; raises CallFailed. A fork cuts it, and may cancel the task that reads.

        Cut while it waits for a message, it ends as CANCELLED.
        """
        while not self._opened.is_set():
            await self._opened.wait()
        make = getattr(self._channel, "unary_stream", None)
        if make is None:
            raise CallFailed("UNIMPLEMENTED", "the given SDK can be asked by single calls alone, which have no logs")
        call = make(method)(
            request, timeout=timeout, metadata=self._connection.metadata(), wait_for_ready=wait_for_ready
        )
        self._overdue_at[call] = self._loop.time() + timeout + 1.0
        if (task := asyncio.current_task()) is not None:
            self._readers[call] = task
        del task
        self._check_later()
        try:
            # Not `async for`: its iterator and the call would refer to each other, and so keep the channel open.
            while (message := await call.read()) is not grpc.aio.EOF:
                yield self._connection.without_secrets(message, request)
            return
        except asyncio.CancelledError:
            at = self._overdue_at[call]
            if at not in (_OVERDUE, _PAUSED):
                self._given_up_at = self._loop.time()
                raise
            code = "DEADLINE_EXCEEDED" if at == _OVERDUE else "CANCELLED"
            failed = CallFailed(code, "the stream was cut on this side")
        except grpc.RpcError as error:
            failed = self._failed(error)
        except Exception as error:  # of a call that gRPC cannot even make, as in `_attempt`
            error.with_traceback(None)
            failed = CallFailed("INTERNAL", f"gRPC could not make the call ({type(error).__name__})")
        finally:
            if not call.done():
                call.cancel()
                self._given_up_at = self._loop.time()
            del self._overdue_at[call]
            self._readers.pop(call, None)
        del make, call  # the traceback holds this frame, and they the channel
        raise failed

    async def close(self) -> None:
        """Close the channel and drop every reference to it: gRPC ends its poller thread with the last channel."""
        channel, self._channel = self._channel, None
        self._methods.clear()
        if channel is not None:
            await channel.close(None)
            await asyncio.sleep(self._given_up_at + _LAST_EVENTS - self._loop.time())
            _log.debug("closed the channel")

    def pause(self) -> None:
        """Make no call until `resume`."""
        self._pauses += 1
        self._opened.clear()

    async def close_while_paused(self) -> None:
        """Close the channel of a pause that has not been taken back; calls under way are made again afterwards."""
        if not self._pauses:
            return
        for call in self._overdue_at:
            self._overdue_at[call] = _PAUSED
        for reader in self._readers.values():
            reader.cancel()  # it may be busy with a message, and would not notice that its stream was cut
        await self.close()
        while self._overdue_at and self._pauses:  # until no call that was under way refers to the channel
            await asyncio.sleep(0.001)

    def resume(self) -> None:
        """Open the channel again when every `pause` was followed by this; `close_while_paused` may still come later."""
        self._pauses -= 1
        if not self._pauses:
            if self._channel is None:
                self._open()
            self._opened.set()

    def _open(self) -> None:
        _idle_channel()
        _log.debug("open a channel to %s", tidy(self._connection.address_of(self._service), 100))
        self._channel = self._connection.channel(_OPTIONS, self._service)

    def _method(self, name: str) -> Any:
        if name not in self._methods:
            # Bytes in, bytes out: grpc.aio turns a message with broken UTF-8 into None without an error.
            self._methods[name] = cast("grpc.aio.Channel", self._channel).unary_unary(name)
        return self._methods[name]

    async def _attempt(
        self, method: str, request: bytes, timeout: float, wait_for_ready: bool
    ) -> bytes | CallFailed | None:
        """Return the answer, or why there is none; None where the channel was closed for a fork meanwhile."""
        call = self._method(method)(
            request, timeout=timeout, metadata=self._connection.metadata(), wait_for_ready=wait_for_ready
        )
        self._overdue_at[call] = self._loop.time() + timeout + 1.0
        self._check_later()
        try:
            return self._connection.without_secrets(cast("bytes", await call), request)
        except asyncio.CancelledError:
            if self._overdue_at[call] == _OVERDUE:
                return CallFailed("DEADLINE_EXCEEDED", "the call did not end within its deadline")
            if self._overdue_at[call] == _PAUSED:
                return None
            self._given_up_at = self._loop.time()
            raise  # the task was cancelled, and gRPC has cancelled the call with it
        except grpc.RpcError as error:
            return self._failed(error)  # which no variable of this frame may keep: it holds the frame, and the channel
        except BaseException as error:  # a given SDK may raise anything
            error.with_traceback(None)  # its frames would keep the channel open until the collector comes
            # A call that gRPC cannot even make. Its message may hold what was to be sent, the token with it.
            return CallFailed("INTERNAL", f"gRPC could not make the call ({type(error).__name__})")
        finally:
            del self._overdue_at[call]

    def _failed(self, error: Any) -> CallFailed:
        message = self._connection.redacted(error.details() or "")
        return CallFailed(code_of(error.code().name, message), message, retry_after(error))

    def _check_later(self) -> None:
        """Check once a second, while there are calls, for one that outlives gRPC's own deadline: none may hang.

        It happens when a forked child that uses grpc.aio has stalled the poller of its parent.
        """
        if self._next_check is None and self._overdue_at:
            self._next_check = self._loop.call_later(1.0, self._give_overdue_up)

    def _give_overdue_up(self) -> None:
        now, self._next_check = self._loop.time(), None
        for call, at in list(self._overdue_at.items()):
            if at != _PAUSED and at < now:
                self._overdue_at[call] = _OVERDUE
                call.cancel()
        self._check_later()


@functools.cache
def _idle_channel() -> grpc.Channel:
    """Keep gRPC from shutting down when the last channel is closed before a fork.

    It would do so on a thread of its own, which may hold gRPC's lock at that moment: in the child, where that thread is
    not, the next channel would then wait for the lock for ever. While gRPC is up, its own fork handlers take care.
    """
    return grpc.insecure_channel("unix:/never-connected")
