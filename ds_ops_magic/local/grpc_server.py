"""The gRPC server of ``yandex.cloud.operation.OperationService``."""

from __future__ import annotations

import contextlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

import grpc
from google.protobuf.message import DecodeError
from yandex.cloud.operation import operation_service_pb2
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

from ds_ops_magic.local import addresses, answering
from ds_ops_magic.local.answering import AnsweringThreads
from ds_ops_magic.local.refusals import Refusal
from ds_ops_magic.model.errors import OperationsError, thread_limit
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ds_ops_magic.local.repository import OperationRepository

_SERVICE = operation_service_pb2.DESCRIPTOR.services_by_name["OperationService"].full_name
_OPTIONS = (
    # Without it a second server on a port would silently take a share of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 1000),
)


class TokenInterceptor(grpc.ServerInterceptor):
    """Refuses calls that do not carry ``authorization: Bearer TOKEN``, before their request is there."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        # Not unary_unary: gRPC would wait for the request before it calls the handler.
        self._refusal: grpc.RpcMethodHandler[Any, Any] = grpc.stream_unary_rpc_method_handler(_unauthenticated)

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        """Let a call through, or answer UNAUTHENTICATED."""
        given = [value for key, value in handler_call_details.invocation_metadata if key == "authorization"]
        if len(given) == 1 and hmac.compare_digest(given[0].encode(), self._expected):
            return continuation(handler_call_details)
        return self._refusal


@dataclass
class Served:
    """A server that runs.

    Attributes:
        address: Where it listens, with the real port.
    """

    address: str
    _server: grpc.Server
    _threads: AnsweringThreads

    def stop(self, patience: float) -> None:
        """Take no more calls, and end those that are not answered in so many seconds."""
        try:
            self._server.stop(patience).wait()
        except RuntimeError:
            # gRPC waits on a thread of its own, and Python 3.12 starts none when the process ends: then without.
            self._server.stop(None).wait()
        self._threads.shutdown()


def serve(ledger: OperationRepository, listen: str, token: str | None) -> Served:
    """Start a server.

    Args:
        ledger: What it serves.
        listen: An address that `addresses.check` has passed; port 0 means any free one.
        token: The bearer token to ask for, None for none.

    Raises:
        OperationsError: The address cannot be listened on, or no thread can be started.
    """
    addresses.check_free(listen)
    with contextlib.ExitStack() as undo:
        answering_threads = AnsweringThreads("ds_ops_magic service", answering.PATIENCE, answering.MOST)
        undo.callback(answering_threads.shutdown)
        server = grpc.server(
            answering_threads,  # type: ignore[arg-type]  # any executor will do (its documentation)
            options=_OPTIONS,
            interceptors=[TokenInterceptor(token)] if token is not None else [],
        )
        methods = {
            "Get": _method(ledger.get, GetOperationRequest, answering_threads),
            "Cancel": _method(ledger.cancel, CancelOperationRequest, answering_threads),
        }
        server.add_registered_method_handlers(_SERVICE, methods)
        port = _bind(server, listen)
        _begin(server)
        undo.pop_all()
    return Served(addresses.with_port(listen, port), server, answering_threads)


def _bind(server: grpc.Server, listen: str) -> int:
    try:
        with addresses.bound_privately(listen):
            return server.add_insecure_port(listen)
    except RuntimeError as error:
        raise OperationsError(f"Cannot listen on {listen}: {one_line(str(error))}") from error


def _begin(server: grpc.Server) -> None:
    try:
        server.start()
    except RuntimeError as error:
        # It has begun, but for the one thread that would ever end it; without an end its memory is never given up, and
        # whoever collects it waits for ever. So it is ended here, by what that thread does.
        from grpc import _server

        state = cast("Any", server)._state
        _server._begin_shutdown_once(state)
        _server._serve(state)
        raise thread_limit(error) from None


def _method(
    ask: Callable[[str], OperationMessage],
    kind: type[GetOperationRequest | CancelOperationRequest],
    answering_threads: AnsweringThreads,
) -> grpc.RpcMethodHandler[Any, Any]:
    """Make the handler of a method.

    It reads its one request itself, and only so can be told to stop waiting for it.
    """

    def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> OperationMessage:
        received = answering_threads.wait_for(requests, context.cancel)
        try:
            request = kind.FromString(received or b"")
            if received is not None:
                return ask(request.operation_id)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The request is missing")
        except DecodeError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The request cannot be read")
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.words)

    return grpc.stream_unary_rpc_method_handler(answer, response_serializer=OperationMessage.SerializeToString)


def _unauthenticated(requests: object, context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "The bearer token is missing or wrong")
