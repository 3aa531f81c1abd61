"""The jobs of a DataSphere project, as its own service lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ListProjectJobRequest, ListProjectJobResponse

from ds_ops_magic.model.errors import (
    InvalidOperationId,
    OperationNotFound,
    OperationsError,
    PermissionDenied,
    ServiceRefused,
    UnreadableAnswer,
)
from ds_ops_magic.model.ids import MAX_ID_LENGTH, shown_id
from ds_ops_magic.services import jobs
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.sources import Call

PAGE_SIZE = 50
"""Jobs in a page, as DataSphere's own command line asks for them."""


def list_jobs(ask: Callable[[Call], bytes], project_id: str) -> list[Operation]:
    """Ask for the jobs of a project, all pages of it: those that run first, then the newest.

    Args:
        ask: Makes a call and returns the serialized answer; raises OperationsError.
        project_id: The project.

    Raises:
        OperationsError: There is no such project, no permission to see its jobs, or no answer that can be read.
    """
    if not project_id or len(project_id) > MAX_ID_LENGTH:
        raise InvalidOperationId(
            f"{one_line(project_id, 30)!r} is no id of a project: these have 1 to {MAX_ID_LENGTH} characters.",
            "The console shows it: %op list --project ID",
        )
    try:
        found = _pages(ask, project_id)
    except (InvalidOperationId, OperationNotFound, PermissionDenied, ServiceRefused) as error:
        raise _refused(error, project_id) from None
    except DecodeError as error:
        raise UnreadableAnswer(
            f"The list of the jobs of project {shown_id(project_id)} cannot be read: {one_line(str(error))}.",
            "Try again.",
        ) from None
    newest_first = sorted(found, key=lambda job: job.created_at.ToNanoseconds(), reverse=True)
    return sorted(map(jobs.operation_of, newest_first), key=lambda operation: operation.done)


def _pages(ask: Callable[[Call], bytes], project_id: str) -> list[Job]:
    found: dict[str, Job] = {}
    token, tokens = "", {""}
    while True:
        request = ListProjectJobRequest(project_id=project_id, page_size=PAGE_SIZE, page_token=token)
        answer = ListProjectJobResponse.FromString(ask(jobs.call("List", request)))
        found.update((job.id, job) for job in answer.jobs if job.id)
        token = answer.next_page_token
        if token in tokens:  # the end, or one that was given before and would lead round in a circle
            return list(found.values())
        tokens.add(token)


def _refused(error: OperationsError, project_id: str) -> OperationsError:
    """Make the error of a list, as the table of codes speaks of operations."""
    refused = type(error)(
        f"The jobs of project {shown_id(project_id)} cannot be listed.",
        *map(str, error.args[1:2]),
        "Check the id of the project, and that %op connect points at Yandex Cloud, as someone who may see it.",
    )
    if isinstance(refused, ServiceRefused) and isinstance(error, ServiceRefused):
        refused.code = error.code
    return refused
