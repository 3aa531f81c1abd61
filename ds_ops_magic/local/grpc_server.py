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

from ds_ops_magic.local import addresses, request_threads
from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.local.request_threads import RequestThreads
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
    """Refuses calls without ``authorization: Bearer TOKEN``, before their request has arrived."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        # Not unary_unary: gRPC would wait for the request before it calls the handler.
        self._refuse: grpc.RpcMethodHandler[Any, Any] = grpc.stream_unary_rpc_method_handler(_unauthenticated)

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        given = [value for key, value in handler_call_details.invocation_metadata if key == "authorization"]
        if len(given) == 1 and hmac.compare_digest(given[0].encode(), self._expected):
            return continuation(handler_call_details)
        return self._refuse


@dataclass
class GrpcServer:
    """A started gRPC server; ``address`` has its real port."""

    address: str
    _server: grpc.Server
    _threads: RequestThreads

    def stop(self, timeout: float) -> None:
        """Accept no more calls, and end those that are not answered after ``timeout`` seconds."""
        try:
            self._server.stop(timeout).wait()
        except RuntimeError:
            # gRPC waits on a thread of its own, and Python 3.12 starts none when the process ends: then without.
            self._server.stop(None).wait()
        self._threads.shutdown()


def start(repository: OperationRepository, listen: str, token: str | None) -> GrpcServer:
    """Start a server at an address that `addresses.check` returned.

    Raises:
        OperationsError: The address cannot be listened on, or no thread can be started.
    """
    addresses.check_free(listen)
    with contextlib.ExitStack() as undo:
        executor = RequestThreads("ds_ops_magic service", request_threads.REQUEST_TIMEOUT, request_threads.MAX_THREADS)
        undo.callback(executor.shutdown)
        server = grpc.server(
            executor,  # type: ignore[arg-type]  # any executor will do (its documentation)
            options=_OPTIONS,
            interceptors=[TokenInterceptor(token)] if token is not None else [],
        )
        methods = {
            "Get": _method(repository.get, GetOperationRequest, executor),
            "Cancel": _method(repository.cancel, CancelOperationRequest, executor),
        }
        server.add_registered_method_handlers(_SERVICE, methods)
        port = _bind(server, listen)
        _start(server)
        undo.pop_all()
    return GrpcServer(addresses.with_port(listen, port), server, executor)


def _bind(server: grpc.Server, listen: str) -> int:
    try:
        with addresses.bound_privately(listen):
            return server.add_insecure_port(listen)
    except RuntimeError as error:
        raise OperationsError(f"Cannot listen on {listen}: {one_line(str(error))}") from error


def _start(server: grpc.Server) -> None:
    try:
        server.start()
    except RuntimeError as error:
        # It has started, except for the one thread that could stop it. Left so, its memory is never released, and
        # garbage collection waits for it for ever. So it is stopped here, by what that thread does.
        from grpc import _server

        state = cast("Any", server)._state
        _server._begin_shutdown_once(state)
        _server._serve(state)
        raise thread_limit(error) from None


def _method(
    ask: Callable[[str], OperationMessage],
    request_type: type[GetOperationRequest | CancelOperationRequest],
    executor: RequestThreads,
) -> grpc.RpcMethodHandler[Any, Any]:
    # A handler of a stream, because only what reads its request itself can stop waiting for it.
    def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> OperationMessage:
        received = executor.receive(requests, context.cancel)
        try:
            request = request_type.FromString(received or b"")
            if received is not None:
                return ask(request.operation_id)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The request is missing")
        except DecodeError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The request cannot be read")
        except StatusError as error:
            context.abort(grpc.StatusCode[error.code], error.message)

    return grpc.stream_unary_rpc_method_handler(answer, response_serializer=OperationMessage.SerializeToString)


def _unauthenticated(requests: object, context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "The bearer token is missing or wrong")
