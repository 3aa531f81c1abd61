"""Other services than the one of operations: where each kind of connection finds them, and calls to them."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import GetProjectJobRequest
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2_grpc import (
    ProjectJobServiceServicer,
    add_ProjectJobServiceServicer_to_server,
)
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2 import GetProjectRequest
from yandex.cloud.datasphere.v2.project_service_pb2_grpc import (
    ProjectServiceServicer,
    add_ProjectServiceServicer_to_server,
)
from yandex.cloud.operation.operation_pb2 import Operation
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest

from ds_ops_magic.connection.connection import Connection, EndpointConnection
from ds_ops_magic.connection.sdk import SdkConnection, StubConnection
from ds_ops_magic.connection.yandex import YandexConnection
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import OperationsError
from tests.support.certificates import Authority
from tests.support.following import lasting
from tests.support.scripted import Call, ScriptedServer, message
from tests.support.sources import Connected, PublicSdk, sdk_of
from tests.support.stand_ins import CloudStandIn, ServiceAccountKey

SECRET = "t1.s3cr3t-t0ken"
OPERATION_GET = "/yandex.cloud.operation.OperationService/Get"
JOB_GET = "/yandex.cloud.datasphere.v2.jobs.ProjectJobService/Get"
PROJECT_GET = "/yandex.cloud.datasphere.v2.ProjectService/Get"
MODELS = "ai-foundation-models"


class Jobs(ProjectJobServiceServicer, ProjectServiceServicer):
    def Get(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # gRPC's
        assert dict(context.invocation_metadata())["authorization"] == f"Bearer {SECRET}"
        if isinstance(request, GetProjectRequest):
            return Project(id=request.project_id)
        if request.job_id == "unknown":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such job")
        return Job(id=request.job_id)


@pytest.fixture
def cloud(authority: Authority, key: ServiceAccountKey) -> Iterator[CloudStandIn]:
    jobs = Jobs()
    made = CloudStandIn(
        authority,
        key,
        lambda server: add_ProjectJobServiceServicer_to_server(jobs, server),
        lambda server: add_ProjectServiceServicer_to_server(jobs, server),
    )
    made.accepted.add(SECRET)
    yield made
    made.stop()


@pytest.fixture
def models(cloud: CloudStandIn, authority: Authority) -> Iterator[ScriptedServer]:
    """The OperationService of another host."""

    def get(call: Call) -> Any:
        assert call.metadata["authorization"] == f"Bearer {SECRET}"
        return message(call.id, done=True, description="elsewhere")

    with ScriptedServer(get, credentials=authority.server("localhost")) as server:
        cloud.server.elsewhere[MODELS] = f"localhost:{server.port}"
        yield server


@pytest.fixture(params=[YandexConnection, "unpickled", SdkConnection, StubConnection])
def connection(
    request: pytest.FixtureRequest, cloud: CloudStandIn, connected: Connected, environment: pytest.MonkeyPatch
) -> Connection:
    if request.param in (SdkConnection, StubConnection):
        sdk = sdk_of(cloud, iam_token=SECRET)
        made = connect(sdk if request.param is SdkConnection else PublicSdk(sdk)).connection
        assert isinstance(made, request.param)
        return made
    environment.setenv("YC_IAM_TOKEN", SECRET)
    made = connected().connection
    if request.param == "unpickled":
        made = pickle.loads(pickle.dumps(made))  # noqa: S301  # our own
        assert made.metadata() == ()
        made.refresh(made.token_generation)
    return made


def asked(connection: Connection, service: str, path: str, request: Message, answer: Any) -> Any:
    """Make one call over a channel of the connection to a service."""

    async def ask() -> bytes:
        channel = connection.channel((), service)
        try:
            call = channel.unary_unary(path)
            data = request.SerializeToString()
            got = await call(data, timeout=10, metadata=connection.metadata(), wait_for_ready=False)
            return bytes(got)
        finally:
            await channel.close(None)

    return answer.FromString(asyncio.run(ask()))


def test_each_is_asked_where_it_is(connection: Connection, models: ScriptedServer) -> None:
    assert connection.address_of("operation") == connection.endpoint
    assert asked(connection, "operation", OPERATION_GET, GetOperationRequest(operation_id="a"), Operation).id == "a"
    assert asked(connection, "datasphere", JOB_GET, GetProjectJobRequest(job_id="bt1job"), Job).id == "bt1job"
    assert asked(connection, "datasphere", PROJECT_GET, GetProjectRequest(project_id="p"), Project).id == "p"
    with pytest.raises(grpc.RpcError) as caught:
        asked(connection, "datasphere", JOB_GET, GetProjectJobRequest(job_id="unknown"), Job)
    failed: Any = caught.value
    assert (failed.code(), failed.details()) == (grpc.StatusCode.NOT_FOUND, "no such job")


@pytest.mark.parametrize("connection", [YandexConnection, "unpickled", SdkConnection], indirect=True)
def test_one_address_for_all_that_are_there(
    models: ScriptedServer, connection: Connection, cloud: CloudStandIn
) -> None:
    assert connection.address_of("datasphere") == connection.address_of("operation") == cloud.address
    assert connection.address_of(MODELS) == f"localhost:{models.port}"
    with lasting(0.0, 0.5):
        connection.address_of(MODELS)
    there = asked(connection, MODELS, OPERATION_GET, GetOperationRequest(operation_id="a"), Operation)
    assert there.description == "elsewhere"
    assert not cloud.server.gets("a")


def test_a_service_that_is_not_there(connection: Connection) -> None:
    named = "The given SDK" if connection.source == "the given SDK" else "Yandex Cloud"
    for service, shown in (("x", "x"), ("a\x1b[2J", "a\ufffd[2J")):
        for ask in (connection.address_of, lambda name: connection.channel((), name)):
            with lasting(0.0, 0.5), pytest.raises(OperationsError) as caught:
                ask(service)
            said = f"{named} names no service {shown!r}: check what stands before the colon of the id."
            assert str(caught.value) == said


def test_an_endpoint_answers_for_all() -> None:
    connection = EndpointConnection("127.0.0.1:1")
    assert {connection.address_of(name) for name in ("operation", "datasphere", "x")} == {"127.0.0.1:1"}


@pytest.mark.parametrize("connection", [StubConnection], indirect=True)
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/yandex.cloud.compute.v1.DiskService/Get", "the given SDK is not asked for this service"),
        (f"{JOB_GET}Twice", "the given SDK has no ProjectJobService"),
    ],
)
def test_what_stubs_do_not_have(connection: Connection, path: str, said: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        asked(connection, "datasphere", path, GetProjectJobRequest(job_id="a"), Job)
    failed: Any = caught.value
    assert (failed.code(), failed.details()) == (grpc.StatusCode.UNIMPLEMENTED, said)
    assert failed.trailing_metadata() == ()
