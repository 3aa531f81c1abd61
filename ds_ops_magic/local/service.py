"""The gRPC server of ``yandex.cloud.operation.OperationService``."""

from __future__ import annotations

import hmac
from concurrent import futures
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from yandex.cloud.operation.operation_service_pb2_grpc import (
    OperationServiceServicer,
    add_OperationServiceServicer_to_server,
)

from ds_ops_magic import wording
from ds_ops_magic.errors import OperationsError
from ds_ops_magic.local import addresses
from ds_ops_magic.local.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage
    from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

    from ds_ops_magic.local.ledger import Ledger

_THREADS = 8
# Without it a second server on a port would silently take a share of the calls.
_OPTIONS = [("grpc.so_reuseport", 0)]


class Servicer(OperationServiceServicer):
    """Answers Get and Cancel out of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # Named as in the .proto.

    def Get(self, request: GetOperationRequest, context: grpc.ServicerContext) -> OperationMessage:  # noqa: N802
        """Return an operation."""
        return _answer(self._ledger.get, request.operation_id, context)

    def Cancel(self, request: CancelOperationRequest, context: grpc.ServicerContext) -> OperationMessage:  # noqa: N802
        """Ask an operation to stop, and return it."""
        return _answer(self._ledger.cancel, request.operation_id, context)


class TokenInterceptor(grpc.ServerInterceptor):
    """Refuses calls that do not carry ``authorization: Bearer TOKEN``."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        self._refusal: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(_unauthenticated)

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        """Let a call through, or answer UNAUTHENTICATED."""
        given = [value for key, value in handler_call_details.invocation_metadata if key == "authorization"]
        if len(given) == 1 and hmac.compare_digest(given[0].encode(), self._expected):
            return continuation(handler_call_details)
        return self._refusal


def serve(ledger: Ledger, listen: str, token: str | None) -> tuple[grpc.Server, str]:
    """Start a server.

    Args:
        ledger: What it serves.
        listen: An address that `addresses.check` has passed; port 0 means any free one.
        token: The bearer token to ask for, None for none.

    Returns:
        The server, and the address with the real port.

    Raises:
        OperationsError: The address cannot be listened on.
    """
    addresses.check_free(listen)
    server = grpc.server(
        futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="ds_ops_magic service"),
        options=_OPTIONS,
        interceptors=[TokenInterceptor(token)] if token is not None else [],
    )
    add_OperationServiceServicer_to_server(Servicer(ledger), server)
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise OperationsError(f"Cannot listen on {listen}: {wording.one_line(str(error))}") from error
    addresses.make_private(listen)
    server.start()
    return server, addresses.with_port(listen, port)


def _answer(
    ask: Callable[[str], OperationMessage], operation_id: str, context: grpc.ServicerContext
) -> OperationMessage:
    try:
        return ask(operation_id)
    except Refusal as refusal:
        context.abort(grpc.StatusCode[refusal.code], refusal.words)


def _unauthenticated(request: object, context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "The bearer token is missing or wrong")
