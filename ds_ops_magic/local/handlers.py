"""Handlers of gRPC methods, which read their request themselves: only so can they stop waiting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from ds_ops_magic.local.errors import StatusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ds_ops_magic.local.request_threads import RequestThreads
    from ds_ops_magic.local.streams import Streams

Request = TypeVar("Request", bound=Message)
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Calls:
    """Makes handlers for one server."""

    def __init__(self, threads: RequestThreads, streams: Streams) -> None:
        self._threads = threads
        self._streams = streams

    def unary(self, ask: Callable[[Request], Message], request_type: type[Request]) -> Handler:
        """Make a handler that answers a request with a message."""

        def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            return self._answered(lambda: ask(self._received(requests, context, request_type)), context)

        return grpc.stream_unary_rpc_method_handler(answer, response_serializer=_serialized)

    def streaming(
        self,
        ask: Callable[[Request, Callable[[float], bool]], Iterator[Message]],
        request_type: type[Request],
        stays_open: bool = False,
    ) -> Handler:
        """Make a handler that answers a request with messages, on a thread that is not one of those for requests.

        ``ask`` gets the request, and a function that waits for seconds and says whether the call is over. A call that
        ``stays_open`` after the last message is ended by the client, or by the end of the server.
        """

        def answer(requests: Iterator[bytes], context: grpc.ServicerContext, send: Callable[..., object]) -> None:
            request = self._answered(lambda: self._received(requests, context, request_type), context)
            self._streams.serve(context, send, lambda wait: ask(request, wait), stays_open)

        return _without_a_thread(answer)

    def _received(
        self, requests: Iterator[bytes], context: grpc.ServicerContext, request_type: type[Request]
    ) -> Request:
        received = self._threads.receive(requests, context.cancel)
        if received is None:
            raise StatusError("INVALID_ARGUMENT", "The request is missing")
        try:
            return request_type.FromString(received)
        except DecodeError:
            raise StatusError("INVALID_ARGUMENT", "The request cannot be read") from None

    def _answered(self, answer: Callable[[], Any], context: grpc.ServicerContext) -> Any:
        try:
            return answer()
        except StatusError as error:
            context.abort(grpc.StatusCode[error.code], error.message)


def _without_a_thread(answer: Callable[..., None]) -> Handler:
    # The thread that calls this goes back to its pool, and the call stays open until `send` gets None. gRPC's own
    # health service answers Watch so (grpc_health.v1.health).
    answer.experimental_non_blocking = True  # type: ignore[attr-defined]
    return grpc.stream_stream_rpc_method_handler(answer, response_serializer=_serialized)


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
