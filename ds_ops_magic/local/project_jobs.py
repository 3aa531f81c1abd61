"""The jobs of the one project, by their own ids: what ProjectJobService answers, but for logs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job, JobStatus
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    CancelProjectJobRequest,
    CloneProjectJobRequest,
    ExecuteProjectJobRequest,
    GetProjectJobRequest,
    ListProjectJobRequest,
    ListProjectJobResponse,
)

from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.local.job_messages import PROJECT_ID, clone_message, job_message, operation_id_of, operation_message
from ds_ops_magic.local.repository import is_waiting
from ds_ops_magic.local.results import MAX_RESPONSE
from ds_ops_magic.local.simulated_job import Requests, SimulatedJob, job_of, log_text_of, text_of
from ds_ops_magic.model.ids import MAX_ID_LENGTH
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

    from ds_ops_magic.local.repository import OperationRepository
    from ds_ops_magic.local.store import Row

DEFAULT_PAGE = 100
MAX_PAGE = 1000

_MAX_DESC = 1024
_FIRST = 2**63 - 1  # no row has a higher number
_FILTER = re.compile(r"\s*status\s+IN\s*\(([A-Z_,\s]+)\)\s*")


class ProjectJobs:
    """The jobs of a repository: every operation is one."""

    def __init__(self, repository: OperationRepository) -> None:
        self._repository = repository

    def get(self, request: GetProjectJobRequest) -> Job:
        with self._repository.database_status():
            return job_message(self.row(request.job_id))

    def execute(self, request: ExecuteProjectJobRequest) -> OperationMessage:
        """Start a job that waits for it; the operation of any other is returned as it is."""
        with self._repository.database_status():
            row = self.row(request.job_id)
            return operation_message(self._repository.change(row.id, self._start) if is_waiting(row) else row)

    def clone(self, request: CloneProjectJobRequest) -> OperationMessage:
        """Add a job with the same simulation, for Execute to start; of the parameters to override none is known here.

        The answer is an operation that is done.
        """
        if len(request.desc) > _MAX_DESC:
            raise StatusError("INVALID_ARGUMENT", f"A desc has at most {_MAX_DESC:,} characters")
        with self._repository.database_status():
            source = self.row(request.source_job_id)
            if source.simulation is None:
                raise StatusError("FAILED_PRECONDITION", "Only the jobs of simulated operations can be cloned")
            simulated = job_of(source.simulation)
            requests = Requests(
                waits=True,
                cloned_at=self._repository.now(),
                parent=request.source_job_id,
                desc=request.desc or simulated.requests.desc,
            )
            try:
                row = self._repository.add_simulated_job(
                    SimulatedJob(simulated.simulation, requests),
                    self._repository.log_text(source.id),
                    request.name or source.description,
                )
            except ValueError as error:  # the name is too long
                raise StatusError("INVALID_ARGUMENT", str(error).rstrip(".")) from None
        return clone_message(row)

    def list(self, request: ListProjectJobRequest) -> ListProjectJobResponse:
        """List the jobs of the project, the newest first."""
        check_project(request.project_id)
        if request.page_size < 0:
            raise StatusError("INVALID_ARGUMENT", "The page size is a whole number from 0 on")
        limit = min(request.page_size or DEFAULT_PAGE, MAX_PAGE)
        wanted, before = _wanted(request.filter), _number(request.page_token)
        page, last, size = ListProjectJobResponse(), before, 0
        with self._repository.database_status():
            for number, row in self._rows(before, limit):
                job = job_message(row)
                if wanted is not None and job.status not in wanted:
                    continue
                size += job.ByteSize()
                if len(page.jobs) == limit or (page.jobs and size > MAX_RESPONSE):
                    # Jobs that are added meanwhile have higher numbers, and are on no later page.
                    page.next_page_token = str(last)
                    break
                page.jobs.append(job)
                last = number
        return page

    def cancel(self, request: CancelProjectJobRequest) -> Empty:
        """Cancel a job; one that is over stays as it is."""
        row = self.row(request.job_id)
        if is_waiting(row):
            raise StatusError("FAILED_PRECONDITION", f"Job {request.job_id} has not started")
        self._repository.cancel(row.id, reason=request.reason, graceful=request.graceful)
        return Empty()

    def row(self, job_id: str) -> Row:
        """Return the row of a job as it is now."""
        _check_id("job", job_id)
        operation_id = operation_id_of(job_id)
        try:
            if operation_id is not None:
                return self._repository.current(operation_id)
        except StatusError as error:
            if error.code != "NOT_FOUND":
                raise
        raise StatusError("NOT_FOUND", f"Job {tidy(job_id)} not found")

    def _rows(self, before: int, limit: int) -> Iterator[tuple[int, Row]]:
        while rows := self._repository.page(before, limit + 1):
            yield from rows
            before = rows[-1][0]

    def _start(self, row: Row) -> Row | None:
        if row.simulation is None or not is_waiting(row):
            return None  # another call was faster
        job = job_of(row.simulation).asked(waits=False)
        now = max(self._repository.now(), row.created_at)
        return row._replace(created_at=now, modified_at=now, simulation=text_of(job, log_text_of(row.simulation)))


def check_project(project_id: str) -> None:
    """Raise StatusError for any project but the one."""
    _check_id("project", project_id)
    if project_id != PROJECT_ID:
        raise StatusError("NOT_FOUND", f"Project {tidy(project_id)} not found")


def _check_id(kind: str, given: str) -> None:
    if not 1 <= len(given) <= MAX_ID_LENGTH:
        raise StatusError("INVALID_ARGUMENT", f"A {kind} id has 1 to {MAX_ID_LENGTH} characters")


def _number(page_token: str) -> int:
    if not page_token:
        return _FIRST
    if not (page_token.isascii() and page_token.isdigit()) or len(page_token) > 19 or int(page_token) > _FIRST:
        raise StatusError("INVALID_ARGUMENT", "The page token is none that List returned")
    return int(page_token)


def _wanted(condition: str) -> set[int] | None:
    # The states that a filter names (project_job_service.proto: only status, and only IN).
    if not condition.strip():
        return None
    found = _FILTER.fullmatch(condition)
    names = [] if found is None else [name.strip() for name in found[1].split(",")]
    if not names or any(name not in JobStatus.keys() for name in names):  # noqa: SIM118  # an enum is no mapping
        raise StatusError("INVALID_ARGUMENT", 'A filter is like "status IN (EXECUTING, UPLOADING_OUTPUT)"')
    return {JobStatus.Value(name) for name in names}
