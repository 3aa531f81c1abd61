"""Who follows operations: this package's poller, yandexcloud's waiter, and google-api-core's operation future."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import grpc

from ds_ops_magic.client import DEFAULT_RATE, OperationClient
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.polling.schedule import Schedule

from .server import ended_at

WITHOUT_END = 1e9
"""A rate, in calls a second, that is never reached."""


class Noticed:
    """When each operation was seen to have ended (`ds_ops_magic.polling.listeners.Listener`)."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.durations: dict[str, Any] = {}
        self.seen: set[str] = set()

    def on_updates(self, updates: list[Any]) -> None:
        now = time.time()
        for update in updates:
            self.seen.add(update.id)
            if update.after is not None and update.after.done:
                self.at[update.id] = now

    @property
    def delays(self) -> list[float]:
        """Seconds between the end and its notice."""
        return [at - ended_at(name) for name, at in self.at.items()]


@contextmanager
def client_of(
    address: str, *, rate: float = DEFAULT_RATE, schedule: Schedule | None = None
) -> Iterator[OperationClient]:
    with OperationClient(EndpointConnection(address), rate=rate, schedule=schedule) as client:
        yield client


class Waiter(Protocol):
    """Blocks until an operation has ended."""

    def __call__(self, operation_id: str) -> object: ...


def yandexcloud_waiter(address: str) -> Waiter:
    """The waiter of the SDK, as its users get it."""
    import yandexcloud
    from yandexcloud._operation_waiter import wait_for_operation

    class Sdk(yandexcloud.SDK):  # type: ignore[misc]
        """The waiter asks it for a stub, and names no endpoint."""

        def client(self, stub: Any, interceptor: Any = None) -> Any:
            return super().client(stub, interceptor=interceptor, endpoint=address, insecure=True)

    sdk = Sdk(iam_token="t1.benchmark")
    return lambda operation_id: wait_for_operation(sdk, operation_id, None)


def google_future(address: str) -> Waiter:
    """The future of google-api-core, with the polling it has by default, for longer than its 15 minutes."""
    from google.api_core.operation import from_gapic
    from google.api_core.operations_v1 import OperationsClient
    from google.longrunning.operations_pb2 import Operation
    from google.protobuf.empty_pb2 import Empty

    client = OperationsClient(grpc.insecure_channel(address))

    def wait(operation_id: str) -> object:
        return from_gapic(Operation(name=operation_id), client, Empty).result(timeout=10**6)

    return wait


WAITERS: dict[str, Callable[[str], Waiter]] = {
    "yandexcloud": yandexcloud_waiter,
    "google-api-core": google_future,
}


def in_threads(wait: Waiter, operation_ids: Sequence[str], noticed: Noticed) -> list[threading.Thread]:
    """Wait for operations the way these waiters have it: a thread each."""

    def run(operation_id: str) -> None:
        wait(operation_id)
        noticed.at[operation_id] = time.time()

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in operation_ids]
    for thread in threads:
        thread.start()
    return threads
