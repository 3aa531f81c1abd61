"""One call of the OperationService at a time: Get and Cancel, and how their answers are read."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

from ds_ops_magic.model.errors import another_operation, unreadable
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.polling.channel import Channel
from ds_ops_magic.polling.failure import CallFailed
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.polling.health import OutageDetector

_log = logging.getLogger(__name__)
_SERVICE = "/yandex.cloud.operation.OperationService"
_GET = f"{_SERVICE}/Get"
_CANCEL = f"{_SERVICE}/Cancel"


class OperationServiceCalls:
    """The two calls of an OperationService over one channel. Lives on one event loop.

    Args:
        connection: Where to call, and as whom.
        health: Is told what each call brought.
    """

    def __init__(self, connection: Connection, health: OutageDetector) -> None:
        self.channel = Channel(connection, _GET, _CANCEL)
        self._health = health

    async def get(self, operation_id: str, timeout: float) -> bytes:
        """Ask for an operation; ``timeout`` in seconds.

        Raises:
            CallFailed: It brought no answer, or a refusal.
        """
        request = GetOperationRequest(operation_id=operation_id).SerializeToString()
        return await self._call(_GET, operation_id, request, timeout)

    async def cancel(self, operation_id: str, timeout: float) -> bytes:
        """Ask for an operation to be cancelled; ``timeout`` in seconds.

        Raises:
            CallFailed: It brought no answer, or a refusal.
        """
        request = CancelOperationRequest(operation_id=operation_id).SerializeToString()
        return await self._call(_CANCEL, operation_id, request, timeout)

    async def _call(self, method: str, operation_id: str, request: bytes, timeout: float) -> bytes:
        began = time.monotonic()
        try:
            answer = await self.channel.call(
                method, request, timeout, wait_for_ready=self._health.should_wait_for_connection
            )
        except CallFailed as failed:
            _log_call(method, operation_id, failed.code, began)
            self._health.note_failure(failed, timeout)
            raise
        _log_call(method, operation_id, "OK", began)
        self._health.note_answer(time.monotonic() - began)
        return answer


def _log_call(method: str, operation_id: str, code: str, began: float) -> None:
    if _log.isEnabledFor(logging.DEBUG):
        took = (time.monotonic() - began) * 1000
        _log.debug("%s %s: %s in %.0f ms", method.rpartition("/")[2], tidy(operation_id, 50), code, took)


class Answer(NamedTuple):
    """An answer of the service: its bytes as they came, and what they say."""

    data: bytes
    operation: Operation


def read(operation_id: str, data: bytes) -> Answer:
    """Parse an answer.

    Raises:
        UnreadableAnswer: The bytes are not an Operation, broken UTF-8 included; or they are about another one. An
            answer without an id is about the one that was asked about.
    """
    try:
        operation = Operation.from_bytes(data)
    except DecodeError as error:
        raise unreadable(operation_id, len(data), str(error)) from None
    if operation_id and operation.id and operation.id != operation_id:  # the first question of a client is about none
        raise another_operation(operation_id, operation.id)
    return Answer(data, operation)
