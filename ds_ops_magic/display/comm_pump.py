"""Let widget messages through while a cell blocks the main thread.

A kernel handles a click only between two cells, unless somebody takes the message off the shell stream meanwhile. While
a wait blocks, this takes over the stream's callback, handles the comm family in the order of arrival, holds every other
message (Run All has sent them already) and hands them to the kernel again afterwards, in order. Uses private names of
ipykernel, measured on 6.29, 7.3 and 7.4; where one is missing nothing is pumped, and clicks wait for the cell's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)
_begun: set[asyncio.Future[Any]] = set()  # the loop itself holds its tasks only weakly
_IN_AND_OUT = 3  # zmq.POLLIN | zmq.POLLOUT; their enum is not accepted by every ZMQStream.flush
_COMM_FAMILY = ("comm_open", "comm_msg", "comm_close")


@contextlib.contextmanager
def pumped(shell: Any) -> Iterator[Callable[[], None]]:
    """Give a function that handles the widget messages that have come so far; call it every 50 ms or so.

    Only on the main thread, between two instructions of a cell. Nothing is lost: what is no widget message is handled
    by the kernel when the block is left.
    """
    kernel = getattr(shell, "kernel", None)
    stream = _shell_stream(kernel)
    if stream is None or threading.current_thread() is not threading.main_thread():
        yield _nothing
        return
    pump = _Pump(kernel, stream)
    try:
        yield pump.turn
    finally:
        pump.release()


def _nothing() -> None:
    return None


def _shell_stream(kernel: Any) -> Any:
    """Return the stream that brings the main thread its messages, None where this ipykernel has it elsewhere."""
    try:
        thread = getattr(kernel, "shell_channel_thread", None)
        if thread is not None:  # ipykernel 7
            stream = thread.manager.get_shell_channel_to_subshell_pair(None).to_stream
        else:
            stream = kernel.shell_stream
        callback = stream._recv_callback
    except AttributeError:
        return None
    needed = ("session", "comm_manager", "set_parent", "get_parent", "_parent_ident", "_publish_status")
    return stream if callback is not None and all(hasattr(kernel, name) for name in needed) else None


def _reply_channel(kernel: Any, stream: Any) -> Any:
    """Return where the main thread sends its replies: on ipykernel 7 not where its messages come from."""
    thread = getattr(kernel, "shell_channel_thread", None)
    return stream if thread is None else thread.manager.get_subshell_to_shell_channel_socket(None)


def _run(handled: Any) -> None:
    """Run what a handler has begun to its end, which has to be without waiting: the loop runs after the cell only.

    Raises:
        RuntimeError: It waits for something.
    """
    if not inspect.iscoroutine(handled):
        return
    try:
        handled.send(None)
    except StopIteration:
        return
    handled.close()
    raise RuntimeError("the handler waits for something that cannot come before the end of the cell")


def _finish(handled: Any) -> None:
    """Have the kernel's own loop finish what a handler has begun."""
    if inspect.isawaitable(handled):
        task = asyncio.ensure_future(handled)
        _begun.add(task)
        task.add_done_callback(_begun.discard)


class _Pump:
    """Stands in for the kernel as the receiver of a stream."""

    def __init__(self, kernel: Any, stream: Any) -> None:
        self._kernel = kernel
        self._stream = stream
        self._ident = kernel._parent_ident["shell"]
        self._parent = kernel.get_parent("shell")
        self._receive = stream._recv_callback
        self._copy = stream._recv_copy
        self._held: list[Any] = []
        stream.on_recv(self._take, copy=False)

    def turn(self) -> None:
        """Handle what has come."""
        self._stream.flush(_IN_AND_OUT)

    def release(self) -> None:
        """Give the stream back, and hand over what was held, in order."""
        self._stream.on_recv(self._receive, copy=self._copy)
        for message in self._held:
            _finish(self._receive(message))

    def _take(self, message: Any) -> None:
        kernel = self._kernel
        try:
            idents, parts = kernel.session.feed_identities(message, copy=False)
            handle = self._handler(kernel.session.deserialize(parts, content=False, copy=False)["header"]["msg_type"])
        except Exception:  # ipykernel sends some to itself, in a form of their own
            handle = None
        if handle is None:
            self._held.append(message)
            return
        request = kernel.session.deserialize(parts, copy=False)
        kernel.set_parent(idents, request)
        kernel._publish_status("busy", "shell")
        try:
            _run(handle(_reply_channel(kernel, self._stream), idents, request))
        except Exception:  # of any widget's callback: the wait in the cell is not its business
            _log.exception("a widget message could not be handled")
        finally:
            # The widgets' JavaScript holds its next message back until it has seen idle.
            kernel._publish_status("idle", "shell")
            kernel.set_parent(self._ident, self._parent)

    def _handler(self, kind: str) -> Callable[[Any, Any, Any], Any] | None:
        if kind in _COMM_FAMILY:
            return getattr(self._kernel.comm_manager, kind, None)
        if kind == "comm_info_request":  # what a reloaded page asks first
            return getattr(self._kernel, kind, None)
        return None
