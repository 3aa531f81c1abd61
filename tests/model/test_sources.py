"""Which call is made about a key, and what its answer says."""

from __future__ import annotations

import pytest
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.sources import CancelOptions, Services, cancel_operation
from tests.support.scripted import message

SERVICES = Services()


def test_a_plain_id_is_asked_about_at_the_operation_service() -> None:
    source = SERVICES.source("bt1")
    call = source.get("bt1")
    assert (source.service, call.service) == ("operation", "operation")
    assert call.method == "/yandex.cloud.operation.OperationService/Get"
    assert GetOperationRequest.FromString(call.request).operation_id == "bt1"
    assert source.read("bt1", message("bt1").SerializeToString()).id == "bt1"


def test_an_operation_of_another_host_keeps_its_key() -> None:
    """By its plain id it would be asked about elsewhere."""
    key = "ai-foundation-models:bt1"
    source = SERVICES.source(key)
    call = source.get("bt1")
    assert (source.service, call.service) == ("ai-foundation-models", "ai-foundation-models")
    assert GetOperationRequest.FromString(call.request).operation_id == "bt1"
    sent = message("bt1", description="tune")
    found = source.read(key, sent.SerializeToString())
    assert (found.id, found.description) == (key, "tune")
    assert source.read(key, message("other").SerializeToString()).id == "other"  # for the caller to refuse
    assert source.read(key, b"") == Operation.from_bytes(b"")


def test_a_cancel_goes_to_the_same_host() -> None:
    call = cancel_operation("ai-foundation-models:bt1")
    assert (call.service, call.method) == ("ai-foundation-models", "/yandex.cloud.operation.OperationService/Cancel")
    assert CancelOperationRequest.FromString(call.request).operation_id == "bt1"
    assert SERVICES.cancel_call(Operation(message("bt1")), CancelOptions()) is None
    assert SERVICES.other_key("bt1") is None


def test_graceful_and_by_force_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="gracefully or by force: give one"):
        CancelOptions(graceful=True, force=True)
