"""The standard health service of gRPC, by hand: the package of its stubs wants a protobuf that yandexcloud refuses.

Its messages have one field each (health.proto), so that wrappers which have the same on the wire stand for them: a
``string`` with the name of a service, and an ``enum`` of the status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from ds_ops_magic.local.handlers import Calls, Handler

HEALTH_SERVICE = "grpc.health.v1.Health"

SERVING = 1
SERVICE_UNKNOWN = 3  # only of Watch


def health_handlers(calls: Calls, served: Collection[str]) -> dict[str, Handler]:
    """Make the handlers; ``served`` are the names of the services that are served, and ``""`` is the whole server."""
    known = {"", HEALTH_SERVICE, *served}

    def check(request: StringValue) -> Int32Value:
        if request.value not in known:
            raise StatusError("NOT_FOUND", f"Service {tidy(request.value)} not found")
        return Int32Value(value=SERVING)

    def watch(request: StringValue, _: Callable[[float], bool]) -> Iterator[Int32Value]:
        # Nothing else follows: when the service stops, the call ends.
        yield Int32Value(value=SERVING if request.value in known else SERVICE_UNKNOWN)

    return {"Check": calls.unary(check, StringValue), "Watch": calls.streaming(watch, StringValue, stays_open=True)}
