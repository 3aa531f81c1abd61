"""Handle widget messages while a cell blocks the main thread.

A kernel handles a click only between two cells. While a wait blocks, this replaces the callback of the shell stream,
handles comm messages in the order of arrival, and defers every other message (Run All has sent them already): the
kernel gets those afterwards, in order. Uses private names of ipykernel, tested on 6.29, 7.3 and 7.4; where one is
missing nothing is done here, and clicks are handled at the cell's end.
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
_tasks: set[asyncio.Future[Any]] = set()  # the loop itself holds its tasks only weakly
_POLL_BOTH = 3  # zmq.POLLIN | zmq.POLLOUT; their enum is not accepted by every ZMQStream.flush
_COMM_MESSAGES = ("comm_open", "comm_msg", "comm_close")


@contextlib.contextmanager
def pumped(shell: Any) -> Iterator[Callable[[], None]]:
    """Yield a function that handles the widget messages that have come so far; call it every 50 ms or so.

    It does nothing on another thread than the main one. The kernel handles all other messages when the block is left.
    """
    kernel = getattr(shell, "kernel", None)
    stream = _shell_stream(kernel)
    if stream is None or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    pump = _Pump(kernel, stream)
    try:
        yield pump.handle_messages
    finally:
        pump.release()


def _shell_stream(kernel: Any) -> Any:
    """Return the stream of the main thread's messages, None where this ipykernel has it elsewhere."""
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
    """Return where the main thread sends its replies; on ipykernel 7 it is not where its messages come from."""
    thread = getattr(kernel, "shell_channel_thread", None)
    return stream if thread is None else thread.manager.get_subshell_to_shell_channel_socket(None)


def _run_to_end(handled: Any) -> None:
    """Run the coroutine of a handler, if it is one; the event loop does not run before the end of the cell."""
    if not inspect.iscoroutine(handled):
        return
    try:
        handled.send(None)
    except StopIteration:
        return
    handled.close()
    raise RuntimeError("the handler waits for something that cannot come before the end of the cell")


def _schedule(handled: Any) -> None:
    if inspect.isawaitable(handled):
        task = asyncio.ensure_future(handled)
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


class _Pump:
    """Receives the messages of a stream in place of the kernel."""

    def __init__(self, kernel: Any, stream: Any) -> None:
        self._kernel = kernel
        self._stream = stream
        self._ident = kernel._parent_ident["shell"]
        self._parent = kernel.get_parent("shell")
        self._callback = stream._recv_callback
        self._copy = stream._recv_copy
        self._deferred: list[Any] = []
        stream.on_recv(self._receive, copy=False)

    def handle_messages(self) -> None:
        self._stream.flush(_POLL_BOTH)

    def release(self) -> None:
        """Give the stream back to the kernel, and the deferred messages, in order."""
        self._stream.on_recv(self._callback, copy=self._copy)
        for message in self._deferred:
            _schedule(self._callback(message))

    def _receive(self, message: Any) -> None:
        kernel = self._kernel
        try:
            idents, parts = kernel.session.feed_identities(message, copy=False)
            handle = self._handler(kernel.session.deserialize(parts, content=False, copy=False)["header"]["msg_type"])
        except Exception:  # ipykernel sends itself some in another form
            handle = None
        if handle is None:
            self._deferred.append(message)
            return
        request = kernel.session.deserialize(parts, copy=False)
        kernel.set_parent(idents, request)
        kernel._publish_status("busy", "shell")
        try:
            _run_to_end(handle(_reply_channel(kernel, self._stream), idents, request))
        except Exception:  # of any widget's callback: it must not end the wait
            _log.exception("a widget message could not be handled")
        finally:
            # The widgets' JavaScript holds its next message back until it has seen idle.
            kernel._publish_status("idle", "shell")
            kernel.set_parent(self._ident, self._parent)

    def _handler(self, kind: str) -> Callable[[Any, Any, Any], Any] | None:
        if kind in _COMM_MESSAGES:
            return getattr(self._kernel.comm_manager, kind, None)
        if kind == "comm_info_request":  # what a reloaded page asks first
            return getattr(self._kernel, kind, None)
        return None
