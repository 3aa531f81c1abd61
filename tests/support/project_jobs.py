"""DataSphere's ProjectJobService and ProjectService, beside a scripted OperationService: jobs that a test changes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from yandex.cloud.datasphere.v2.jobs import jobs_pb2, project_job_service_pb2_grpc
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job, JobParameters
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata, ListProjectJobResponse
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2_grpc import (
    ProjectServiceServicer,
    add_ProjectServiceServicer_to_server,
)
from yandex.cloud.operation.operation_pb2 import Operation

from tests.support.scripted import message

PROJECT = "project1"


def job(
    job_id: str, status: int = jobs_pb2.EXECUTING, *, created: int = 1000, graceful: bool = False, **facts: Any
) -> Job:
    """Make a job; ``created`` in seconds since the epoch."""
    made = Job(id=job_id, status=status, project_id=PROJECT, **facts)
    made.created_at.seconds = made.started_at.seconds = created
    if status in (jobs_pb2.SUCCESS, jobs_pb2.ERROR, jobs_pb2.CANCELLED):
        made.finished_at.seconds = created + 60
    if graceful:
        parameters = JobParameters()
        parameters.graceful_shutdown_parameters.signal = 15
        made.job_parameters.CopyFrom(parameters)
    return made


def executing(operation_id: str, what: Job, **how: Any) -> Operation:
    """Make the operation that executes a job; the rest as of `message`."""
    made = message(operation_id, **how)
    made.metadata.Pack(ExecuteProjectJobMetadata(job=what))
    return made


class ProjectJobs(project_job_service_pb2_grpc.ProjectJobServiceServicer):
    """Give its `add` to a ScriptedServer as one of ``more``.

    Attributes:
        jobs: By id.
        cancels: The requests to cancel, in order.
        refuses: What the next cancels are refused with.
    """

    def __init__(self, *jobs: Job, page_size: int = 2) -> None:
        self.jobs = {one.id: one for one in jobs}
        self.page_size = page_size
        self.cancels: list[Any] = []
        self.refuses: grpc.StatusCode | None = None
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, server: grpc.Server) -> None:
        project_job_service_pb2_grpc.add_ProjectJobServiceServicer_to_server(self, server)
        add_ProjectServiceServicer_to_server(_Projects(self), server)

    def set(self, what: Job) -> None:
        self.jobs[what.id] = what

    def Get(self, request: Any, context: grpc.ServicerContext) -> Job:  # noqa: N802  # gRPC's
        self._count("Get")
        if request.job_id not in self.jobs:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such job")
        return self.jobs[request.job_id]

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        self._count("Cancel")
        self.cancels.append(request)
        if self.refuses is not None:
            context.abort(self.refuses, "its words")
        return Empty()

    def List(self, request: Any, context: grpc.ServicerContext) -> ListProjectJobResponse:  # noqa: N802
        self._count("List")
        if request.project_id != PROJECT:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such project")
        begin = int(request.page_token or 0)
        found = list(self.jobs.values())
        end = begin + self.page_size
        return ListProjectJobResponse(jobs=found[begin:end], next_page_token=str(end) if end < len(found) else "")

    def ReadLogs(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        self._count("ReadLogs")
        yield from ()

    def _count(self, name: str) -> None:
        with self._lock:
            self.calls[name] += 1


class _Projects(ProjectServiceServicer):
    def __init__(self, jobs: ProjectJobs) -> None:
        self._jobs = jobs

    def Get(self, request: Any, context: grpc.ServicerContext) -> Project:  # noqa: N802
        self._jobs._count("Project")
        return Project(id=request.project_id, community_id="community1")
