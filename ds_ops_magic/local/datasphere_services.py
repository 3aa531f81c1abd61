"""ProjectJobService and ProjectService of DataSphere, for the jobs of this service and their one project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yandex.cloud.datasphere.v2 import project_service_pb2
from yandex.cloud.datasphere.v2.jobs import project_job_service_pb2 as job_service
from yandex.cloud.datasphere.v2.project_pb2 import Project

from ds_ops_magic.local.job_logs import JobLogs
from ds_ops_magic.local.job_messages import COMMUNITY_ID, PROJECT_ID
from ds_ops_magic.local.project_jobs import ProjectJobs, check_project

if TYPE_CHECKING:
    from ds_ops_magic.local.handlers import Calls, Handler
    from ds_ops_magic.local.repository import OperationRepository

JOB_SERVICE = job_service.DESCRIPTOR.services_by_name["ProjectJobService"].full_name
PROJECT_SERVICE = project_service_pb2.DESCRIPTOR.services_by_name["ProjectService"].full_name

_PROJECT = Project(id=PROJECT_ID, name="Local project", community_id=COMMUNITY_ID)


def job_handlers(calls: Calls, repository: OperationRepository) -> dict[str, Handler]:
    jobs = ProjectJobs(repository)
    logs = JobLogs(repository, jobs)
    return {
        "Execute": calls.unary(jobs.execute, job_service.ExecuteProjectJobRequest),
        "Clone": calls.unary(jobs.clone, job_service.CloneProjectJobRequest),
        "Get": calls.unary(jobs.get, job_service.GetProjectJobRequest),
        "List": calls.unary(jobs.list, job_service.ListProjectJobRequest),
        "Cancel": calls.unary(jobs.cancel, job_service.CancelProjectJobRequest),
        "ReadLogs": calls.streaming(logs.read, job_service.ReadProjectJobLogsRequest),
        "ReadStdLogs": calls.streaming(logs.read_std, job_service.ReadProjectJobStdLogsRequest),
    }


def project_handlers(calls: Calls) -> dict[str, Handler]:
    return {"Get": calls.unary(_project, project_service_pb2.GetProjectRequest)}


def _project(request: project_service_pb2.GetProjectRequest) -> Project:
    check_project(request.project_id)
    return _PROJECT
