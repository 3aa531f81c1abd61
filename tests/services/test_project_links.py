"""Addresses of projects: asked for once each, and absent where anything is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2 import GetProjectRequest

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.sources import Call
from ds_ops_magic.services.console import job_link
from ds_ops_magic.services.project_links import MOST, ProjectLinks
from tests.support.project_jobs import executing, job
from tests.support.scripted import message

HOST = "datasphere.yandex.cloud"
Asked = list[tuple[Call, str, Callable[[bytes], None]]]


def links(asked: Asked, console: str = HOST) -> ProjectLinks:
    return ProjectLinks(console, lambda *about: asked.append(about))


def of_project(project_id: str) -> Operation:
    made = job("j1")
    made.project_id = project_id
    return Operation(executing("a", made))


def test_a_project_is_asked_for_once() -> None:
    asked: Asked = []
    known = links(asked)
    for _ in range(3):
        known.note(of_project("p1"))
    (call, about, receive), *more = asked
    assert not more
    assert (call.service, call.method, about) == ("datasphere", "/yandex.cloud.datasphere.v2.ProjectService/Get", "p1")
    assert GetProjectRequest.FromString(call.request).project_id == "p1"
    assert job_link(known.known["p1"], "j1") is None  # not yet
    receive(Project(id="p1", community_id="c1").SerializeToString())
    assert job_link(known.known["p1"], "j1") == f"https://{HOST}/communities/c1/projects/p1/job/j1"
    assert job_link(known.known["p1"], "../j1") is None


@pytest.mark.parametrize("answer", [b"\xff", b"", Project(community_id="../c").SerializeToString()])
def test_an_answer_that_gives_no_address(answer: bytes) -> None:
    asked: Asked = []
    known = links(asked)
    known.note(of_project("p1"))
    asked[0][2](answer)
    assert known.known == {"p1": ""}


def test_what_is_not_asked_for() -> None:
    asked: Asked = []
    known = links(asked)
    known.note(None)
    known.note(Operation(message("a")))
    known.note(of_project(""))
    links(asked, console="").note(of_project("p1"))
    assert asked == []
    for number in range(MOST + 5):
        known.note(of_project(f"p{number}"))
    assert len(asked) == MOST
