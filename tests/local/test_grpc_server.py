"""The gRPC side: what a client of any kind is answered."""

from __future__ import annotations

import getpass
import secrets
import sqlite3

import grpc
import pytest
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from ds_ops_magic.local import LocalService
from ds_ops_magic.local.simulation import OUTCOMES
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import calling, wait_until

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


def test_every_field_goes_over_the_wire(service, caller):
    began = service.simulate(0, 3, description="описание")
    message = caller.get(began.id).to_proto()
    assert (message.id, message.description, message.done) == (began.id, "описание", True)
    assert message.created_by == getpass.getuser()
    assert message.created_at.seconds
    assert message.modified_at == message.created_at
    assert message.metadata.type_url.endswith("yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobMetadata")
    assert message.response.type_url.endswith("yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobResponse")
    assert caller.get(began.id) == service.get(began.id)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_course_is_followed_to_its_end(service, caller, outcome):
    operation = service.simulate(0.05, 2, outcome)
    end = wait_until(lambda: (found := caller.get(operation.id)).done and found)
    assert end.status is {
        "success": Status.SUCCEEDED,
        "failure": Status.FAILED,
        "failing": Status.FAILED,
        "cancelled": Status.CANCELLED,
        "no-cancel": Status.SUCCEEDED,
    }[outcome]  # fmt: skip
    assert caller.cancel(operation.id) == end, "Cancel of what is over is its state"


def test_a_cancel_is_answered_before_it_is_over(service, caller):
    operation = service.simulate(60)
    answer = caller.cancel(operation.id)
    assert (answer.status_word, answer.done, answer.error.name) == ("cancelling", False, "CANCELLED")
    assert wait_until(lambda: (found := caller.get(operation.id)).done and found).status is Status.CANCELLED


def test_what_cannot_be_cancelled_is_unimplemented(service, caller):
    operation = service.simulate(60, outcome="no-cancel")
    assert code_of(caller.cancel, operation.id)[0] is grpc.StatusCode.UNIMPLEMENTED
    assert caller.get(operation.id).status is Status.RUNNING


@pytest.mark.parametrize(
    ("operation_id", "code"),
    [
        ("loc00000000000000000", grpc.StatusCode.NOT_FOUND),
        ("", grpc.StatusCode.INVALID_ARGUMENT),
        ("x" * 51, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_an_id_that_is_none(caller, operation_id, code):
    assert code_of(caller.get, operation_id)[0] is code
    assert code_of(caller.cancel, operation_id)[0] is code


def test_a_token_is_asked_for():
    with LocalService(token=_TOKEN) as service:
        operation = service.simulate(0)
        with calling(service.address, _TOKEN) as caller:
            assert caller.get(operation.id).id == operation.id
        for wrong in (None, "", _TOKEN[:-1], _TOKEN + "x", "я".encode().hex()):
            with calling(service.address, wrong) as caller:
                for ask in (caller.get, caller.cancel):
                    code, words = code_of(ask, operation.id)
                    assert code is grpc.StatusCode.UNAUTHENTICATED
                    assert _TOKEN not in words


@pytest.mark.parametrize(
    "metadata",
    [
        (("authorization", _TOKEN),),
        (("authorization", f"Basic {_TOKEN}"),),
        (("authorization", f"Bearer {_TOKEN}"), ("authorization", "Bearer other")),
        (("x-authorization", f"Bearer {_TOKEN}"),),
    ],
)
def test_a_token_that_is_given_otherwise_is_refused(metadata):
    with LocalService(token=_TOKEN) as service, grpc.insecure_channel(service.address) as channel:
        get = OperationServiceStub(channel).Get
        request = GetOperationRequest(operation_id=service.simulate(0).id)
        with pytest.raises(grpc.RpcError) as caught:
            get(request, timeout=20, metadata=metadata)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_database_that_does_not_answer_is_worth_another_try(tmp_path):
    with LocalService(tmp_path / "ops.sqlite") as service, calling(service.address) as caller:
        operation = service.simulate(60)
        with sqlite3.connect(service.path) as other:
            other.execute("ALTER TABLE operation RENAME TO away")
        code, words = code_of(caller.get, operation.id)
        assert (code, "no such table" in words) == (grpc.StatusCode.UNAVAILABLE, True)
        other.execute("ALTER TABLE away RENAME TO operation")
        other.commit()
        other.close()
        assert caller.get(operation.id).id == operation.id
