"""A real gRPC server that answers as a test scripts it: any code, any bytes, any delay."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from yandex.cloud.endpoint.api_endpoint_pb2 import ApiEndpoint
from yandex.cloud.endpoint.api_endpoint_service_pb2 import ListApiEndpointsResponse
from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import (
    ApiEndpointServiceServicer,
    add_ApiEndpointServiceServicer_to_server,
)
from yandex.cloud.operation.operation_pb2 import Operation
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

from tests.support.ports import own_port

Answer = Operation | bytes
Script = Callable[["Call"], Answer]


class Call:
    """One call that came in: its operation id, its number for that id, and how to refuse it."""

    def __init__(self, operation_id: str, number: int, context: grpc.ServicerContext) -> None:
        self.id = operation_id
        self.number = number
        self.context = context
        self.metadata = dict(context.invocation_metadata())

    def refuse(self, code: grpc.StatusCode, words: str = "", retry_after: float | None = None) -> Any:
        """Answer with a code; `retry_after` in seconds goes along as RetryInfo, where the services put it."""
        if retry_after is not None:
            wish = RetryInfo()
            wish.retry_delay.FromTimedelta(timedelta(seconds=retry_after))
            status = Status(code=code.value[0], message=words)
            status.details.add().Pack(wish)
            self.context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        self.context.abort(code, words)

    def hang(self) -> Any:
        """Never answer: return when the caller has given up, or the server stops."""
        given_up = threading.Event()
        if self.context.add_callback(given_up.set):
            given_up.wait()
        self.refuse(grpc.StatusCode.CANCELLED)


class UnderWay:
    """Counts the calls that are in its block at one time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> UnderWay:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


class ScriptedServer:
    """An OperationService on a port of loopback, or on one given, whose answers are functions.

    Args:
        get: What answers a Get.
        cancel: What answers a Cancel; without it the service does not cancel.
        port: Where to listen, 0 for a port of its own.
        credentials: For TLS; plaintext without. With it the server is a stand-in for a cloud: its endpoint discovery
            says that every service is here.
        threads: How many calls it can have under way.
        more: Add other services to the server before it starts.
        options: Of the gRPC server.
    """

    def __init__(
        self,
        get: Script,
        cancel: Script | None = None,
        *,
        port: int = 0,
        credentials: grpc.ServerCredentials | None = None,
        threads: int = 32,
        more: Sequence[Callable[[grpc.Server], object]] = (),
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        self.get = get
        self.cancel = cancel or (lambda call: call.refuse(grpc.StatusCode.UNIMPLEMENTED, "no cancel here"))
        self.calls: Counter[tuple[str, str]] = Counter()
        self.elsewhere: dict[str, str] = {}  # services whose address endpoint discovery says is another one, by id
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(threads), options=[("grpc.so_reuseport", 0), *options])
        handlers = {
            "Get": self._handler(GetOperationRequest, "get"),
            "Cancel": self._handler(CancelOperationRequest, "cancel"),
        }
        service = grpc.method_handlers_generic_handler("yandex.cloud.operation.OperationService", handlers)
        self._server.add_generic_rpc_handlers((service,))
        if credentials:
            add_ApiEndpointServiceServicer_to_server(_Discovery(self), self._server)
        for add in more:
            add(self._server)
        wanted = f"127.0.0.1:{port or own_port()}"
        self.port = (
            self._server.add_secure_port(wanted, credentials) if credentials else self._server.add_insecure_port(wanted)
        )
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.stop(0).wait()

    def gets(self, operation_id: str | None = None) -> int:
        return self._count("get", operation_id)

    def cancels(self, operation_id: str | None = None) -> int:
        return self._count("cancel", operation_id)

    def _count(self, kind: str, operation_id: str | None) -> int:
        with self._lock:
            return sum(
                number for (what, name), number in self.calls.items() if what == kind and operation_id in (None, name)
            )

    def _handler(self, request_type: Any, kind: str) -> grpc.RpcMethodHandler:
        def answer(request: Any, context: grpc.ServicerContext) -> bytes:
            with self._lock:
                self.calls[kind, request.operation_id] += 1
                number = self.calls[kind, request.operation_id]
            said = getattr(self, kind)(Call(request.operation_id, number, context))
            return said if isinstance(said, bytes) else said.SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer, request_type.FromString)


class _Discovery(ApiEndpointServiceServicer):
    def __init__(self, server: ScriptedServer) -> None:
        self._server = server

    def List(self, request: Any, context: grpc.ServicerContext) -> ListApiEndpointsResponse:  # noqa: N802  # gRPC's
        here = dict.fromkeys(("iam", "operation", "datasphere"), self._server.address)
        places = {**here, **self._server.elsewhere}
        return ListApiEndpointsResponse(endpoints=[ApiEndpoint(id=name, address=at) for name, at in places.items()])


def message(
    operation_id: str = "op1",
    *,
    done: bool = False,
    error: tuple[int, str] | None = None,
    response: Message | None = None,
    description: str = "",
    age: float = 1.0,
    modified: float = 0.0,
) -> Operation:
    """Build an Operation message: `age` and `modified` in seconds before now; the response is Empty without another."""
    now = datetime.now(timezone.utc)
    made = Operation(id=operation_id, description=description, created_by="tester", done=done)
    made.created_at.FromDatetime(now - timedelta(seconds=age))
    made.modified_at.FromDatetime(now - timedelta(seconds=modified))
    if error is not None:
        made.error.CopyFrom(Status(code=error[0], message=error[1]))
    elif done:
        made.response.Pack(response or Empty())
    return made


class Stage:
    """A script whose operations stand as a test last said; they run until then."""

    def __init__(self) -> None:
        self._now: dict[str, Operation] = {}

    def set(self, operation_id: str, **how: Any) -> None:
        """Change an operation from now on; arguments as of `message`."""
        self._now[operation_id] = message(operation_id, **how)

    def __call__(self, call: Call) -> Operation:
        return self._now.setdefault(call.id, message(call.id))


def running_then(*last: Operation, after: int = 2) -> Script:
    """Answer with a running operation so many times, then with the given ones, the last of them for ever."""

    def script(call: Call) -> Operation:
        if call.number <= after:
            return message(call.id)
        made = Operation()  # anew: calls are answered on many threads at once
        made.CopyFrom(last[min(call.number - after, len(last)) - 1])
        made.id = call.id
        return made

    return script
