"""How an operation is asked about by its key: gRPC calls as data, and what their answers say."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

from ds_ops_magic.model.ids import OPERATION, split_key
from ds_ops_magic.model.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable

_GET = "/yandex.cloud.operation.OperationService/Get"
_CANCEL = "/yandex.cloud.operation.OperationService/Cancel"


class Call(NamedTuple):
    """One unary call.

    Attributes:
        service: Id of the service in endpoint discovery, which says where it is.
        method: Full name of the gRPC method, ``/package.Service/Method``.
        request: The serialized request.
    """

    service: str
    method: str
    request: bytes


@dataclass(frozen=True)
class CancelOptions:
    """How to cancel a DataSphere job; other operations know no ways.

    Attributes:
        graceful: Have the program stop by itself; without it that is done where the job was started so.
        force: Stop it at once, however it was started.
        reason: Why, for those who look at the job later.
    """

    graceful: bool = False
    force: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if self.graceful and self.force:
            raise ValueError("a job is stopped gracefully or by force: give one of the two")


AS_USUAL = CancelOptions()
"""As the job was started to be stopped."""


@dataclass(frozen=True)
class Source:
    """A service that is asked about operations.

    Attributes:
        service: Its id in endpoint discovery.
        get: Makes the call that asks about one, by its id there.
        read: Makes the operation of an answer, with its key for an id; raises protobuf's DecodeError.
    """

    service: str
    get: Callable[[str], Call]
    read: Callable[[str, bytes], Operation]


class Services:
    """What is asked about which key. This knows OperationServices alone; `ds_ops_magic.services` knows more."""

    def source(self, key: str) -> Source:
        """Return what is asked about a key."""
        return operation_source(split_key(key)[0])

    def other_key(self, key: str) -> str | None:
        """Return the key by which an operation may be found that is not found by this one."""
        return None

    def cancel_call(self, operation: Operation, options: CancelOptions) -> Call | None:
        """Return the call that cancels an operation; None where its OperationService does that."""
        return None


@functools.lru_cache(64)  # it is asked for with each call
def operation_source(service: str) -> Source:
    """Return the source of a service that has an OperationService of its own."""

    def get(operation_id: str) -> Call:
        return Call(service, _GET, GetOperationRequest(operation_id=operation_id).SerializeToString())

    def read(key: str, data: bytes) -> Operation:
        operation = Operation.from_bytes(data)
        if service == OPERATION or operation.id != split_key(key)[1]:
            return operation
        message = operation.to_proto()
        message.id = key  # by its plain id it would be asked about elsewhere
        return Operation(message)

    return Source(service, get, read)


def cancel_operation(key: str) -> Call:
    """Return the call of OperationService that cancels an operation."""
    service, operation_id = split_key(key)
    return Call(service, _CANCEL, CancelOperationRequest(operation_id=operation_id).SerializeToString())


PLAIN = operation_source(OPERATION)
"""The source of plain ids."""
