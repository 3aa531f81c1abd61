"""ProjectService, which knows one project; the jobs have tests of their own."""

from __future__ import annotations

import grpc
import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import GetProjectRequest, ListProjectsRequest
from yandex.cloud.datasphere.v2.project_service_pb2_grpc import ProjectServiceStub

from tests.support.local_service import DEADLINE, status_of


@pytest.fixture
def stub(channel):
    return ProjectServiceStub(channel)


def test_project(stub):
    project = stub.Get(GetProjectRequest(project_id="local-project"), timeout=DEADLINE)
    assert (project.id, project.community_id) == ("local-project", "local-community")
    assert project.name


@pytest.mark.parametrize(
    ("project_id", "code"),
    [
        ("", grpc.StatusCode.INVALID_ARGUMENT),
        ("x" * 60, grpc.StatusCode.INVALID_ARGUMENT),
        ("other", grpc.StatusCode.NOT_FOUND),
        ("local-project ", grpc.StatusCode.NOT_FOUND),
    ],
)
def test_other_projects(stub, project_id, code):
    assert status_of(stub.Get, GetProjectRequest(project_id=project_id), timeout=DEADLINE)[0] is code


def test_other_methods(stub):
    request = ListProjectsRequest(community_id="local-community")
    assert status_of(stub.List, request, timeout=DEADLINE)[0] is grpc.StatusCode.UNIMPLEMENTED
