"""The recorder: what any call of a yandexcloud.SDK gives birth to is in the history."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import yandexcloud
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2 import (
    CreateProjectMetadata,
    CreateProjectRequest,
    GetProjectRequest,
)
from yandex.cloud.datasphere.v2.project_service_pb2_grpc import (
    ProjectServiceServicer,
    ProjectServiceStub,
    add_ProjectServiceServicer_to_server,
)
from yandex.cloud.endpoint.api_endpoint_pb2 import ApiEndpoint
from yandex.cloud.endpoint.api_endpoint_service_pb2 import ListApiEndpointsResponse
from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import (
    ApiEndpointServiceServicer,
    add_ApiEndpointServiceServicer_to_server,
)

import ds_ops_magic
from ds_ops_magic.history.history import History
from ds_ops_magic.history.interceptor import recorder
from tests.support.certificates import Authority
from tests.support.following import python, until
from tests.support.scripted import message

TOKEN = "t1.a-secret-that-must-not-be-found"


class Cloud(ProjectServiceServicer, ApiEndpointServiceServicer):
    """A stand-in for the cloud, on loopback with TLS, whose projects are made by operations named after them."""

    def __init__(self, authority: Authority) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4))
        add_ProjectServiceServicer_to_server(self, self.server)
        add_ApiEndpointServiceServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_secure_port('127.0.0.1:0', authority.server('127.0.0.1'))}"
        self.server.start()

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # gRPC's
        if request.name == "refused":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")
        made = message(request.name, description="Create project")
        made.metadata.Pack(CreateProjectMetadata(project_id="p1"))
        return made

    def Get(self, request: Any, context: grpc.ServicerContext) -> Project:  # noqa: N802
        return Project(id=request.project_id)

    def List(self, request: Any, context: grpc.ServicerContext) -> ListApiEndpointsResponse:  # noqa: N802
        places = [ApiEndpoint(id=name, address=self.address) for name in ("iam", "datasphere", "operation")]
        return ListApiEndpointsResponse(endpoints=places)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def cloud(authority: Authority) -> Iterator[Cloud]:
    started = Cloud(authority)
    yield started
    started.server.stop(0).wait()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "history.sqlite")
    yield made
    made.close()


@pytest.fixture
def projects(cloud: Cloud, authority: Authority, history: History) -> ProjectServiceStub:
    sdk = yandexcloud.SDK(
        interceptor=recorder(history),
        iam_token=TOKEN,
        endpoint=cloud.address,
        root_certificates=authority.certificate,
    )
    return sdk.client(ProjectServiceStub)


def kept(history: History) -> set[str]:
    """Return the ids that another kernel finds."""
    other = History(history.path)
    other.refresh()
    ids = {record.id for record in other.records()}
    other.close()
    return ids


def test_an_operation_is_written_before_the_call_returns(projects: ProjectServiceStub, history: History) -> None:
    assert projects.Create(CreateProjectRequest(name="born")).id == "born"
    assert kept(history) == {"born"}
    (record,) = history.records()
    assert (record.endpoint, record.state, record.description) == ("", "running", "Create project")
    assert record.kind == "yandex.cloud.datasphere.v2.CreateProjectMetadata"
    assert not any(TOKEN.encode() in file.read_bytes() for file in history.path.parent.iterdir())


def test_every_form_of_a_call(projects: ProjectServiceStub, history: History) -> None:
    answer, call = projects.Create.with_call(CreateProjectRequest(name="with_call"))
    assert (answer.id, call.code()) == ("with_call", grpc.StatusCode.OK)
    assert kept(history) == {"with_call"}
    future = projects.Create.future(CreateProjectRequest(name="future"))
    assert future.result(timeout=10).id == "future"
    until(lambda: kept(history) == {"with_call", "future"})


def test_other_answers_are_ignored(projects: ProjectServiceStub, history: History) -> None:
    assert projects.Get(GetProjectRequest(project_id="p1")).id == "p1"
    with pytest.raises(grpc.RpcError) as raised:
        projects.Create(CreateProjectRequest(name="refused"))
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    refused = projects.Create.future(CreateProjectRequest(name="refused"))
    assert refused.exception(timeout=10).code() is grpc.StatusCode.PERMISSION_DENIED
    cancelled = projects.Create.future(CreateProjectRequest(name="refused"))
    cancelled.cancel()
    assert history.records() == []
    assert not history.path.exists()


def test_an_unusable_file_costs_one_warning(cloud: Cloud, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history = History(tmp_path / "file" / "history.sqlite")
    sdk = yandexcloud.SDK(
        interceptor=recorder(history),
        iam_token=TOKEN,
        endpoint=cloud.address,
        root_certificates=authority.certificate,
    )
    with pytest.warns(RuntimeWarning, match="No history is kept") as warned:
        ids = [sdk.client(ProjectServiceStub).Create(CreateProjectRequest(name=f"op{n}")).id for n in range(5)]
    assert ids == [f"op{number}" for number in range(5)]
    assert len(warned) == 1
    history.close()


_LOOP = """
import os, signal, sys
import yandexcloud
from pathlib import Path
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectRequest
from yandex.cloud.datasphere.v2.project_service_pb2_grpc import ProjectServiceStub
import ds_ops_magic

address, ca = sys.argv[1:]
sdk = yandexcloud.SDK(
    interceptor=ds_ops_magic.recorder(), iam_token="t1.x", endpoint=address, root_certificates=Path(ca).read_bytes()
)
for number in range(300):
    sdk.client(ProjectServiceStub).Create(CreateProjectRequest(name=f"item{number}"))
    if number == 149:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_none(
    cloud: Cloud, authority: Authority, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", str(history.path))
    with python(_LOOP, cloud.address, authority.ca) as process:
        errors = process.communicate(timeout=100)[1]
    assert (process.returncode, errors) == (-signal.SIGKILL, "")
    assert kept(history) == {f"item{number}" for number in range(150)}


def test_public_name() -> None:
    assert ds_ops_magic.recorder is recorder
