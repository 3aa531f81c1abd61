"""The gRPC side: what a client of any kind is answered."""

from __future__ import annotations

import getpass
import secrets

import grpc
import pytest
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from ds_ops_magic.local import LocalService
from tests.support.local_service import calling

_TOKEN = secrets.token_urlsafe()


@pytest.fixture(scope="module")
def service():
    with LocalService() as service:
        yield service


@pytest.fixture
def caller(service):
    with calling(service.address) as caller:
        yield caller


def code_of(ask, *arguments):
    with pytest.raises(grpc.RpcError) as caught:
        ask(*arguments)
    return caught.value.code(), caught.value.details()


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
    operation = service.simulate(60, outcome="no-cancel")
    assert code_of(caller.cancel, operation.id)[0] is grpc.StatusCode.UNIMPLEMENTED
    for ask in (caller.get, caller.cancel):
        assert code_of(ask, "loc00000000000000000")[0] is grpc.StatusCode.NOT_FOUND
        assert code_of(ask, "")[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_token():
    with LocalService(token=_TOKEN) as service:
        operation = service.simulate(0)
        with calling(service.address, _TOKEN) as caller:
            assert caller.get(operation.id).id == operation.id
        for wrong in (None, "", _TOKEN[:-1], _TOKEN + "x", "я".encode().hex()):
            with calling(service.address, wrong) as caller:
                for ask in (caller.get, caller.cancel):
                    code, message = code_of(ask, operation.id)
                    assert code is grpc.StatusCode.UNAUTHENTICATED
                    assert _TOKEN not in message


@pytest.mark.parametrize(
    "metadata",
    [
        (("authorization", _TOKEN),),
        (("authorization", f"Basic {_TOKEN}"),),
        (("authorization", f"Bearer {_TOKEN}"), ("authorization", "Bearer other")),
        (("x-authorization", f"Bearer {_TOKEN}"),),
    ],
)
def test_token_in_other_metadata(metadata):
    with LocalService(token=_TOKEN) as service, grpc.insecure_channel(service.address) as channel:
        get = OperationServiceStub(channel).Get
        request = GetOperationRequest(operation_id=service.simulate(0).id)
        with pytest.raises(grpc.RpcError) as caught:
            get(request, timeout=20, metadata=metadata)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
