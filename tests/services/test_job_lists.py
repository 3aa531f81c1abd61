"""The jobs of a project: every page, in the order that is wanted, and what is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from yandex.cloud.datasphere.v2.jobs import jobs_pb2
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ListProjectJobRequest, ListProjectJobResponse

from ds_ops_magic import InvalidOperationId, UnreadableAnswer
from ds_ops_magic.model.sources import Call
from ds_ops_magic.services.job_lists import PAGE_SIZE, list_jobs
from tests.support.project_jobs import PROJECT, job


def answering(*pages: ListProjectJobResponse) -> tuple[Callable[[Call], bytes], list[ListProjectJobRequest]]:
    """Return what answers with one page after the other, and the requests that it gets."""
    asked: list[ListProjectJobRequest] = []

    def ask(call: Call) -> bytes:
        assert (call.service, call.method.rpartition("/")[2]) == ("datasphere", "List")
        asked.append(ListProjectJobRequest.FromString(call.request))
        return pages[len(asked) - 1].SerializeToString()

    return ask, asked


def test_every_page_and_those_that_run_first() -> None:
    first = [job("done", jobs_pb2.SUCCESS, created=50), job("old", created=10)]
    second = [job("failed", jobs_pb2.ERROR, created=90), job("new", jobs_pb2.CANCELLING, created=20)]
    ask, asked = answering(
        ListProjectJobResponse(jobs=first, next_page_token="p2"), ListProjectJobResponse(jobs=second)
    )
    assert [found.id for found in list_jobs(ask, PROJECT)] == ["job:new", "job:old", "job:failed", "job:done"]
    assert [(one.project_id, one.page_size, one.page_token) for one in asked] == [
        (PROJECT, PAGE_SIZE, ""),
        (PROJECT, PAGE_SIZE, "p2"),
    ]


def test_a_job_that_moved_to_the_next_page_meanwhile_is_there_once() -> None:
    ask, _ = answering(
        ListProjectJobResponse(jobs=[job("a")], next_page_token="2"),
        ListProjectJobResponse(jobs=[job("a", jobs_pb2.SUCCESS), job("b")]),
    )
    assert [(found.id, found.done) for found in list_jobs(ask, PROJECT)] == [("job:b", False), ("job:a", True)]


def test_page_tokens_that_lead_round_in_a_circle() -> None:
    page = ListProjectJobResponse(jobs=[job("a")], next_page_token="again")
    ask, asked = answering(page, page)
    assert len(list_jobs(ask, PROJECT)) == 1
    assert len(asked) == 2


@pytest.mark.parametrize("project_id", ["", "p" * 51])
def test_what_is_no_id_is_not_sent(project_id: str) -> None:
    ask, asked = answering()
    with pytest.raises(InvalidOperationId, match="no id of a project"):
        list_jobs(ask, project_id)
    assert asked == []


def test_an_answer_that_cannot_be_read() -> None:
    with pytest.raises(UnreadableAnswer, match=f"jobs of project {PROJECT} cannot be read"):
        list_jobs(lambda call: b"\xff", PROJECT)
