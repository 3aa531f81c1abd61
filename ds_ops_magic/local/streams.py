"""Calls that stay open: each has a thread of its own or none, so that they take none of those that answer requests."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

import grpc

from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.util import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

MAX_STREAMS = 512
"""The most calls that are open at once; others are answered with RESOURCE_EXHAUSTED."""

_THREAD = "ds_ops_magic stream"
_STOPS = ("UNAVAILABLE", "The service stops")


class Streams:
    """The open calls of a server, at most ``limit``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: set[Stream] = set()
        self._closed = False

    def serve(
        self,
        context: grpc.ServicerContext,
        send: Callable[[Message | None], object],
        responses: Callable[[Callable[[float], bool]], Iterator[Message]],
        stays_open: bool,
    ) -> None:
        """Answer a call on a thread of its own, and end it after the last response, unless it ``stays_open``.

        ``responses`` gets a function that waits so many seconds, and says whether the call is over.
        """
        stream = self._open_stream(context, send)
        if stream is None:
            return
        run = functools.partial(stream.run, responses, stays_open)
        try:
            threads.start(threading.Thread(target=run, name=_THREAD, daemon=True))
        except threads.ThreadLimitReached:
            stream.end("RESOURCE_EXHAUSTED", "No more threads can be started")

    def close(self) -> None:
        """End all of them, which may be asked again elsewhere, or later."""
        with self._lock:
            self._closed = True
            remaining = list(self._open)
        for stream in remaining:
            stream.end(*_STOPS)

    def _open_stream(self, context: grpc.ServicerContext, send: Callable[[Message | None], object]) -> Stream | None:
        stream = Stream(context, send)
        with self._lock:
            closed, full = self._closed, len(self._open) >= self._limit
            if not closed and not full:
                self._open.add(stream)
        if closed:
            stream.end(*_STOPS)
            return None
        if full:
            stream.end("RESOURCE_EXHAUSTED", f"No more than {self._limit} calls can be open at once")
            return None
        if not context.add_callback(functools.partial(self._over, stream)):
            self._over(stream)
            return None
        return stream

    def _over(self, stream: Stream) -> None:
        stream.over.set()
        with self._lock:
            self._open.discard(stream)


class Stream:
    """An open call."""

    def __init__(self, context: grpc.ServicerContext, send: Callable[[Message | None], object]) -> None:
        self._context = context
        self._send = send
        self._lock = threading.Lock()
        self._ended = False
        self.over = threading.Event()

    def run(self, responses: Callable[[Callable[[float], bool]], Iterator[Message]], stays_open: bool) -> None:
        try:
            for response in responses(self.over.wait):
                if self.over.is_set():
                    return
                self._send(response)
        except StatusError as error:
            self.end(error.code, error.message)
        except BaseException:
            self.end("INTERNAL", "The call failed")
            raise
        if not stays_open:
            self.end()

    def end(self, code: str = "OK", message: str = "") -> None:
        """End the call, unless it is over."""
        with self._lock:
            if self._ended or self.over.is_set():
                return
            self._ended = True
        self.over.set()
        if code != "OK":
            self._context.set_code(grpc.StatusCode[code])
            self._context.set_details(message)
        self._send(None)
