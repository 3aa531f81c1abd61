"""The recorder: what any call of a yandexcloud.SDK makes is in the history."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
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

from ds_ops_magic.history.history import History
from ds_ops_magic.history.interceptor import recorder
from tests.history.conftest import KIND, kept
from tests.support.certificates import Authority
from tests.support.following import python, until
from tests.support.scripted import ScriptedServer, message

TOKEN = "t1.a-secret-that-must-not-be-found"


class Projects(ProjectServiceServicer):
    """A service whose projects are made by operations named after them."""

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # gRPC's
        if request.name == "refused":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")
        if request.name == "slow":
            time.sleep(0.5)
        made = message(request.name, description="Create project")
        made.metadata.Pack(CreateProjectMetadata(project_id="p1"))
        return made

    def Get(self, request: Any, context: grpc.ServicerContext) -> Project:  # noqa: N802
        return Project(id=request.project_id)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def cloud(authority: Authority) -> Iterator[ScriptedServer]:
    """A stand-in for the cloud, whose discovery says that the service of projects is there too."""
    with ScriptedServer(
        lambda call: message(call.id),
        credentials=authority.server("127.0.0.1"),
        more=[lambda server: add_ProjectServiceServicer_to_server(Projects(), server)],
    ) as server:
        yield server


def projects_of(cloud: ScriptedServer, authority: Authority, history: History) -> ProjectServiceStub:
    """Make a client of the service whose operations a history records."""
    certificate = authority.certificate
    sdk = yandexcloud.SDK(
        interceptor=recorder(history), iam_token=TOKEN, endpoint=cloud.address, root_certificates=certificate
    )
    return sdk.client(ProjectServiceStub)


@pytest.fixture
def projects(cloud: ScriptedServer, authority: Authority, history: History) -> ProjectServiceStub:
    return projects_of(cloud, authority, history)


def test_an_operation_is_written_before_the_call_returns(projects: ProjectServiceStub, history: History) -> None:
    assert projects.Create(CreateProjectRequest(name="born")).id == "born"
    assert kept(history.path).keys() == {"born"}
    (record,) = history.records()
    assert (record.endpoint, record.state, record.description) == ("", "running", "Create project")
    assert record.kind == KIND
    assert not any(TOKEN.encode() in file.read_bytes() for file in history.path.parent.iterdir())


def test_every_form_of_a_call(projects: ProjectServiceStub, history: History) -> None:
    answer, call = projects.Create.with_call(CreateProjectRequest(name="with_call"))
    assert (answer.id, call.code()) == ("with_call", grpc.StatusCode.OK)
    assert kept(history.path).keys() == {"with_call"}
    future = projects.Create.future(CreateProjectRequest(name="future"))
    assert future.result(timeout=10).id == "future"
    until(lambda: kept(history.path).keys() == {"with_call", "future"})


def test_other_answers_are_ignored(
    projects: ProjectServiceStub, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    assert projects.Get(GetProjectRequest(project_id="p1")).id == "p1"
    with pytest.raises(grpc.RpcError) as raised:
        projects.Create(CreateProjectRequest(name="refused"))
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    refused = projects.Create.future(CreateProjectRequest(name="refused"))
    assert refused.exception(timeout=10).code() is grpc.StatusCode.PERMISSION_DENIED
    with caplog.at_level("DEBUG", "ds_ops_magic"):
        projects.Create.future(CreateProjectRequest(name="slow")).cancel()
        until(lambda: "the answer of a call was not recorded" in caplog.text)
    assert history.records() == []
    assert not history.path.exists()


def test_an_unusable_file_costs_one_warning(cloud: ScriptedServer, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history = History(tmp_path / "file" / "history.sqlite")
    projects = projects_of(cloud, authority, history)
    with pytest.warns(RuntimeWarning, match="No history is kept") as warned:
        ids = [projects.Create(CreateProjectRequest(name=f"op{n}")).id for n in range(5)]
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
    cloud: ScriptedServer, authority: Authority, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", str(history.path))
    with python(_LOOP, cloud.address, authority.ca) as process:
        errors = process.communicate(timeout=100)[1]
    assert (process.returncode, errors) == (-signal.SIGKILL, "")
    assert kept(history.path).keys() == {f"item{number}" for number in range(150)}
