"""The gRPC side: what a client of any kind is answered."""

from __future__ import annotations

import getpass
import secrets

import grpc
import pytest
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from ds_ops_magic.local import LocalService
from tests.support.local_service import calling, status_of

_TOKEN = secrets.token_urlsafe()


@pytest.fixture
def caller(service):
    with calling(service.address) as caller:
        yield caller


def test_every_field(service, caller):
    operation = service.simulate(0, 3, description="описание")
    message = caller.get(operation.id).to_proto()
    assert (message.id, message.description, message.done) == (operation.id, "описание", True)
    assert message.created_by == getpass.getuser()
    assert message.created_at.seconds
    assert message.modified_at == message.created_at
    assert message.metadata.type_url.endswith("yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobMetadata")
    assert message.response.type_url.endswith("yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobResponse")
    assert caller.get(operation.id) == service.get(operation.id)


def test_status_codes(service, caller):
    cancelling = caller.cancel(service.simulate(60).id)
    assert caller.cancel(cancelling.id) == cancelling, "a second cancel changes nothing"
    operation = service.simulate(60, outcome="no-cancel")
    assert status_of(caller.cancel, operation.id)[0] is grpc.StatusCode.UNIMPLEMENTED
    for ask in (caller.get, caller.cancel):
        assert status_of(ask, "loc00000000000000000")[0] is grpc.StatusCode.NOT_FOUND
        for invalid in ("", "x" * 51):
            assert status_of(ask, invalid)[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", _TOKEN),),
        (("authorization", f"Basic {_TOKEN}"),),
        (("authorization", f"Bearer {_TOKEN}"), ("authorization", "Bearer other")),
        (("x-authorization", f"Bearer {_TOKEN}"),),
        *((("authorization", f"Bearer {token}"),) for token in ("", _TOKEN[:-1], _TOKEN + "x", "я".encode().hex())),
    ],
)
def test_token(metadata):
    with LocalService(token=_TOKEN) as service, grpc.insecure_channel(service.address) as channel:
        operation = service.simulate(0)
        stub = OperationServiceStub(channel)
        for ask, request in (
            (stub.Get, GetOperationRequest(operation_id=operation.id)),
            (stub.Cancel, CancelOperationRequest(operation_id=operation.id)),
        ):
            code, message = status_of(ask, request, timeout=20, metadata=metadata)
            assert code is grpc.StatusCode.UNAUTHENTICATED
            assert _TOKEN not in message
        with calling(service.address, _TOKEN) as caller:
            assert caller.get(operation.id).id == operation.id
