"""A channel made of the blocking stubs of a user's own ``yandexcloud.SDK``."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from ds_ops_magic.model.errors import thread_limit
from ds_ops_magic.util.threads import DaemonThreads, ThreadLimitReached

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import grpc

OPERATION_SERVICE = "yandex.cloud.operation.OperationService"
# The modules that gRPC's compiler made of a service, without their ``_pb2`` and ``_pb2_grpc``.
_MODULES: Mapping[str, str] = {
    OPERATION_SERVICE: "yandex.cloud.operation.operation_service",
    "yandex.cloud.datasphere.v2.ProjectService": "yandex.cloud.datasphere.v2.project_service",
    "yandex.cloud.datasphere.v2.jobs.ProjectJobService": "yandex.cloud.datasphere.v2.jobs.project_job_service",
}
_THREADS = 16


class StubChannel:
    """The part of ``grpc.aio.Channel`` that is used: calls of raw bytes, and closing. A few threads make the calls.

    It has no streams: each would hold a thread.

    Args:
        client: Makes a stub of its class; it may block.
        operations: The stub of the OperationService.
    """

    def __init__(self, client: Callable[[Any], Any], operations: Any) -> None:
        self._client = client
        self._stubs: dict[str, Any] = {OPERATION_SERVICE: operations}
        self._threads = DaemonThreads("ds_ops_magic stub", _THREADS)
        self._calls: set[asyncio.Future[bytes]] = set()

    def unary_unary(self, path: str) -> Callable[..., asyncio.Future[bytes]]:
        def call(
            data: bytes,
            *,
            timeout: float,
            metadata: Sequence[tuple[str, str]] = (),  # the SDK sends its own
            wait_for_ready: bool | None = None,
        ) -> asyncio.Future[bytes]:
            loop = asyncio.get_running_loop()
            try:
                future = loop.run_in_executor(self._threads, self._call, path, data, timeout, wait_for_ready)
            except ThreadLimitReached as error:
                future = loop.create_future()
                future.set_exception(_error("UNAVAILABLE", str(thread_limit(error))))
            self._calls.add(future)
            future.add_done_callback(self._calls.discard)
            return future

        return call

    async def close(self, grace: float | None) -> None:
        self._threads.shutdown(wait=False)
        for call in list(self._calls):  # nobody waits for a call that blocks
            call.cancel()

    def _call(self, path: str, data: bytes, timeout: float, wait_for_ready: bool | None) -> bytes:
        import grpc

        try:
            method, request_type = self._method(path)
            answer = method(request_type.FromString(data), timeout=timeout, wait_for_ready=wait_for_ready)
            return bytes(answer.SerializeToString())
        except grpc.RpcError:
            raise
        except BaseException as error:  # asyncio passes on no StopIteration, and takes some others for its own
            raise RuntimeError(f"{type(error).__name__} in the given SDK") from None

    def _method(self, path: str) -> tuple[Any, Any]:
        """Return a method by its full name, ``/PACKAGE.SERVICE/METHOD``, and the class of its requests."""
        from google.protobuf.message_factory import GetMessageClass

        service, _, name = path.strip("/").partition("/")
        if service not in _MODULES:
            raise _error("UNIMPLEMENTED", "the given SDK is not asked for this service")
        short = service.rpartition(".")[2]
        try:
            descriptor = importlib.import_module(f"{_MODULES[service]}_pb2").DESCRIPTOR
            if service not in self._stubs:  # two threads may both make it, and either will do
                stubs = importlib.import_module(f"{_MODULES[service]}_pb2_grpc")
                self._stubs[service] = self._client(getattr(stubs, f"{short}Stub"))
            request = descriptor.services_by_name[short].methods_by_name[name].input_type
            return getattr(self._stubs[service], name), GetMessageClass(request)
        except (ImportError, AttributeError, KeyError, RuntimeError):  # as of one whose yandexcloud is older
            raise _error("UNIMPLEMENTED", f"the given SDK has no {short}") from None


def _error(code: str, message: str) -> grpc.RpcError:
    import grpc

    class Refused(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode[code]

        def details(self) -> str:
            return message

        def trailing_metadata(self) -> tuple[()]:
            return ()

    return Refused()
