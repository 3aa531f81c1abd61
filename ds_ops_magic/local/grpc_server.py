"""The gRPC server: ``yandex.cloud.operation.OperationService``, and what clients of DataSphere ask beside it."""

from __future__ import annotations

import contextlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

import grpc
from yandex.cloud.operation import operation_service_pb2
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

from ds_ops_magic.local import addresses, request_threads, streams, tls
from ds_ops_magic.local.datasphere_services import JOB_SERVICE, PROJECT_SERVICE, job_handlers, project_handlers
from ds_ops_magic.local.endpoint_service import ENDPOINT_SERVICE, endpoint_handlers
from ds_ops_magic.local.handlers import Calls
from ds_ops_magic.local.health_service import HEALTH_SERVICE, health_handlers
from ds_ops_magic.local.request_threads import RequestThreads
from ds_ops_magic.local.streams import Streams
from ds_ops_magic.model.errors import OperationsError, thread_limit
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.local.handlers import Handler
    from ds_ops_magic.local.repository import OperationRepository
    from ds_ops_magic.local.tls import TlsFiles

_OPERATION_SERVICE = operation_service_pb2.DESCRIPTOR.services_by_name["OperationService"].full_name
_OPTIONS = (
    # Without it a second server on a port would silently take a share of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 1000),
)


class TokenInterceptor(grpc.ServerInterceptor):
    """Refuses calls without ``authorization: Bearer TOKEN``, before their request has arrived.

    Endpoint discovery needs no token, as in the cloud: clients ask it before they have one.
    """

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        # Not unary_unary: gRPC would wait for the request before it calls the handler.
        self._refuse: grpc.RpcMethodHandler[Any, Any] = grpc.stream_unary_rpc_method_handler(_unauthenticated)

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        if handler_call_details.method.startswith(f"/{ENDPOINT_SERVICE}/"):
            return continuation(handler_call_details)
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
    _streams: Streams

    def stop(self, timeout: float) -> None:
        """Accept no more calls, and end those that are not answered after ``timeout`` seconds; those kept open now."""
        self._streams.close()
        try:
            self._server.stop(timeout).wait()
        except RuntimeError:
            # gRPC waits on a thread of its own, and Python 3.12 starts none when the process ends: then without.
            self._server.stop(None).wait()
        self._threads.shutdown()


def start(repository: OperationRepository, listen: str, token: str | None, files: TlsFiles | None = None) -> GrpcServer:
    """Start a server at an address that `addresses.check` returned, with TLS where there are files for it.

    Raises:
        OperationsError: The address cannot be listened on, the files are no certificate and its key, or no thread can
            be started.
    """
    credentials = None if files is None else tls.server_credentials(files)
    addresses.check_free(listen)
    with contextlib.ExitStack() as undo:
        executor = RequestThreads("ds_ops_magic service", request_threads.REQUEST_TIMEOUT, request_threads.MAX_THREADS)
        undo.callback(executor.shutdown)
        server = grpc.server(
            executor,  # type: ignore[arg-type]  # any executor will do (its documentation)
            options=_OPTIONS,
            interceptors=[TokenInterceptor(token)] if token is not None else [],
        )
        address = addresses.with_port(listen, _bind(server, listen, credentials))
        open_calls = Streams(streams.MAX_STREAMS)
        for name, methods in _services(repository, address, Calls(executor, open_calls)).items():
            server.add_registered_method_handlers(name, methods)
        _start(server)
        undo.pop_all()
    return GrpcServer(address, server, executor, open_calls)


def _services(repository: OperationRepository, address: str, calls: Calls) -> dict[str, dict[str, Handler]]:
    operations = {
        "Get": calls.unary(lambda request: repository.get(request.operation_id), GetOperationRequest),
        "Cancel": calls.unary(lambda request: repository.cancel(request.operation_id), CancelOperationRequest),
    }
    services = {
        _OPERATION_SERVICE: operations,
        JOB_SERVICE: job_handlers(calls, repository),
        PROJECT_SERVICE: project_handlers(calls),
        ENDPOINT_SERVICE: endpoint_handlers(calls, address),
    }
    return services | {HEALTH_SERVICE: health_handlers(calls, services)}


def _bind(server: grpc.Server, listen: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        with addresses.bound_privately(listen):
            if credentials is None:
                return server.add_insecure_port(listen)
            return server.add_secure_port(listen, credentials)
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


def _unauthenticated(requests: object, context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "The bearer token is missing or wrong")
