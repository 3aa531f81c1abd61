"""ProjectJobService without logs, over a channel: what a client is answered about jobs as time passes."""

from __future__ import annotations

import contextlib

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobStatus
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    CancelProjectJobRequest,
    CloneProjectJobRequest,
    CloneProjectJobResponse,
    DeleteProjectJobRequest,
    ExecuteProjectJobRequest,
    ExecuteProjectJobResponse,
    GetProjectJobRequest,
    ListProjectJobRequest,
    ReadProjectJobLogsRequest,
)
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2_grpc import ProjectJobServiceStub

from ds_ops_magic.local import process_lock
from ds_ops_magic.local.job_messages import PROJECT_ID, job_id_of
from ds_ops_magic.local.repository import OperationRepository, is_waiting
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.model.operation import Operation
from tests.support.local_service import DEADLINE, status_of

UNKNOWN = "job00000000000000000"


class Jobs:
    def __init__(self, channel):
        self.stub = ProjectJobServiceStub(channel)

    def get(self, job_id):
        return self.stub.Get(GetProjectJobRequest(job_id=job_id), timeout=DEADLINE)

    def status(self, job_id):
        return JobStatus.Name(self.get(job_id).status)

    def execute(self, job_id):
        return self.stub.Execute(ExecuteProjectJobRequest(job_id=job_id), timeout=DEADLINE)

    def cancel(self, job_id, **options):
        return self.stub.Cancel(CancelProjectJobRequest(job_id=job_id, **options), timeout=DEADLINE)

    def clone(self, job_id, **options):
        operation = self.stub.Clone(CloneProjectJobRequest(source_job_id=job_id, **options), timeout=DEADLINE)
        assert operation.done
        response = CloneProjectJobResponse()
        assert operation.response.Unpack(response)
        return response.job_id

    def list(self, size=0, token="", project=PROJECT_ID, condition=""):
        request = ListProjectJobRequest(project_id=project, page_size=size, page_token=token, filter=condition)
        return self.stub.List(request, timeout=DEADLINE)


@pytest.fixture
def jobs(channel):
    return Jobs(channel)


def add(repository, *arguments, description="", **options):
    return job_id_of(repository.add_simulation(Simulation(*arguments, **options), description).id)


@pytest.mark.parametrize(
    ("simulation", "status", "details"),
    [
        (Simulation(10), "SUCCESS", ""),
        (Simulation(10, outcome="no-cancel"), "SUCCESS", ""),
        (Simulation(10, return_code=137), "ERROR", "The program returned 137"),
        (Simulation(10, outcome="failure"), "ERROR", "Simulated failure: the quota of running jobs is used up"),
        (Simulation(10, outcome="failing"), "ERROR", "Simulated failure: an instance stopped answering"),
        (Simulation(10, outcome="cancelled"), "CANCELLED", "The operation was cancelled"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_status_of_each_outcome(jobs, repository, clock, simulation, status, details):
    began = clock.now
    operation = repository.add_simulation(simulation, "Train")
    job_id = job_id_of(operation.id)
    assert job_id != operation.id
    job = jobs.get(job_id)
    assert (job.id, job.name, job.project_id, job.status) == (job_id, "Train", PROJECT_ID, JobStatus.EXECUTING)
    assert job.created_by_id == operation.created_by
    assert job.created_at.ToNanoseconds() == job.started_at.ToNanoseconds() == began
    assert not job.HasField("finished_at")
    clock.advance(11)
    job = jobs.get(job_id)
    assert (JobStatus.Name(job.status), job.status_details) == (status, details)
    assert job.finished_at == repository.get(operation.id).modified_at
    assert jobs.get(job_id) == job
    metadata = Operation(repository.get(operation.id)).metadata
    assert metadata.job == job
    assert metadata.metadata.id == job_id
    assert metadata.metadata.status == job.status


def test_execute_returns_the_operation_of_what_runs_or_ended(jobs, repository, clock):
    operation = repository.add_simulation(Simulation(10, return_code=1))
    job_id = job_id_of(operation.id)
    assert jobs.execute(job_id) == operation
    clock.advance(20)
    ended = jobs.execute(job_id)
    assert ended.done
    assert ended == repository.get(operation.id)
    response = ExecuteProjectJobResponse()
    assert ended.response.Unpack(response)
    assert response.result.return_code == 1


def test_clone_waits_for_execute(jobs, repository, clock):
    source = add(repository, 10, 2, file_errors=["a.txt"], return_code=3, log=["x"], description="Train")
    clock.advance(60)
    clone = jobs.clone(source, desc="again, with more data")
    cloned_at = clock.now
    operation_id = f"loc{clone[3:]}"
    job = jobs.get(clone)
    assert (job.name, job.desc, job.parent_job_id) == ("Train", "again, with more data", source)
    clock.advance(60)
    assert jobs.status(clone) == "CREATING"
    with pytest.raises(Exception, match="not found"):
        repository.get(operation_id)
    assert [message.id for message in repository.list()] == [f"loc{source[3:]}"], "there is no operation yet"
    assert status_of(jobs.cancel, clone)[0] is grpc.StatusCode.FAILED_PRECONDITION
    operation = jobs.execute(clone)
    assert (operation.id, operation.done) == (operation_id, False)
    assert operation.created_at.ToNanoseconds() == clock.now
    assert jobs.execute(clone) == operation
    clock.advance(11)
    job = jobs.get(clone)
    assert (job.status, job.created_at.ToNanoseconds()) == (JobStatus.ERROR, cloned_at)
    assert job.started_at == operation.created_at
    assert [error.output_file_desc.path for error in job.file_errors] == ["a.txt"]
    assert jobs.get(jobs.clone(clone, name="third")).name == "third", "a clone can be cloned"


def test_the_operation_that_cloned_can_be_asked_about(jobs, repository, clock):
    source = add(repository, 10)
    answer = jobs.stub.Clone(CloneProjectJobRequest(source_job_id=source), timeout=DEADLINE)
    assert answer.done
    clone = jobs.execute(f"job{answer.id[3:]}")
    clock.advance(5)
    assert repository.get(answer.id) == repository.cancel(answer.id) == answer
    assert repository.get(clone.id).id == clone.id != answer.id
    for no_clone in (f"cln{source[3:]}", "cln", "clnother"):
        with pytest.raises(Exception, match="not found"):
            repository.get(no_clone)


def test_what_cannot_be_cloned(jobs, repository, store):
    submitted = job_id_of(repository.add_job(process_lock.current_owner(store.path)).id)
    assert status_of(jobs.clone, submitted)[0] is grpc.StatusCode.FAILED_PRECONDITION
    source = add(repository)
    for options in ({"name": "x" * 257}, {"desc": "x" * 1025}):
        assert status_of(jobs.clone, source, **options)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_cancel(jobs, repository, clock):
    job_id = add(repository, 10)
    clock.advance(1)
    assert jobs.cancel(job_id, reason="too \x1b[31mslow\n") == Empty()
    job = jobs.get(job_id)
    assert job.status == JobStatus.CANCELLING
    assert job.status_details.startswith("The operation is being cancelled: too ")
    assert "\x1b" not in job.status_details
    clock.advance(0.3)
    assert jobs.get(job_id).status_details.startswith("The operation was cancelled: too ")
    operation = repository.get(f"loc{job_id[3:]}")
    assert (operation.done, operation.error.code) == (True, 1)
    jobs.cancel(job_id, reason="later")
    assert repository.get(operation.id) == operation, "what is over stays as it is"


def test_graceful_cancel(jobs, repository, clock):
    job_id = add(repository, 100, graceful=30)
    timeout = jobs.get(job_id).job_parameters.graceful_shutdown_parameters.timeout
    assert timeout.ToSeconds() == 30
    jobs.cancel(job_id, graceful=True)
    jobs.cancel(job_id, graceful=True, reason="again")
    for seconds, status in ((29.9, "CANCELLING"), (0.1, "CANCELLED")):
        clock.advance(seconds)
        assert jobs.status(job_id) == status


def test_second_cancel_forces_a_graceful_one(jobs, repository, clock):
    job_id = add(repository, 100, graceful=30)
    jobs.cancel(job_id, graceful=True, reason="first")
    clock.advance(5)
    jobs.cancel(job_id, reason="no time")
    assert jobs.get(job_id).status_details.endswith(": no time")
    assert jobs.status(job_id) == "CANCELLING"
    clock.advance(0.3)
    assert jobs.status(job_id) == "CANCELLED"
    assert jobs.get(job_id).finished_at.ToNanoseconds() == clock.now


@pytest.mark.parametrize("graceful", [None, 30])
def test_cancel_that_is_not_graceful(jobs, repository, clock, graceful):
    job_id = add(repository, 100, graceful=graceful)
    jobs.cancel(job_id, graceful=graceful is None)  # which is like any other where the job knows no graceful shutdown
    jobs.cancel(job_id, graceful=True)
    clock.advance(0.3)
    assert jobs.status(job_id) == "CANCELLED"
    assert jobs.get(job_id).job_parameters.HasField("graceful_shutdown_parameters") is (graceful is not None)


def test_cancel_that_is_not_supported(jobs, repository):
    job_id = add(repository, 10, outcome="no-cancel")
    code, message = status_of(jobs.cancel, job_id)
    assert (code, message) == (grpc.StatusCode.UNIMPLEMENTED, "Cancel is not supported for this operation")
    assert jobs.status(job_id) == "EXECUTING"


def test_pages_stay_while_jobs_are_added(jobs, repository):
    added = [add(repository, 100) for _ in range(5)]
    first = jobs.list(2)
    new = add(repository, 100)
    second = jobs.list(2, first.next_page_token)
    third = jobs.list(2, second.next_page_token)
    assert [job.id for page in (first, second, third) for job in page.jobs] == added[::-1]
    assert not third.next_page_token
    assert [job.id for job in jobs.list().jobs] == [new, *added[::-1]]
    assert not jobs.list(6).next_page_token


def test_list_by_status(jobs, repository, clock):
    ended = [add(repository, 1) for _ in range(3)]
    clock.advance(2)
    running = [add(repository, 100, return_code=1) for _ in range(3)]
    clone = jobs.clone(running[0])
    assert [job.id for job in jobs.list(condition="status IN (EXECUTING)").jobs] == running[::-1]
    page = jobs.list(2, condition="status IN ( SUCCESS,CREATING )")
    assert [job.id for job in page.jobs] == [clone, ended[2]]
    rest = jobs.list(2, page.next_page_token, condition="status IN ( SUCCESS,CREATING )")
    assert ([job.id for job in rest.jobs], rest.next_page_token) == (ended[1::-1], "")


def test_page_is_never_too_large_for_a_client(jobs, repository, clock):
    paths = ["x" * 256] * 100
    added = [add(repository, 0, file_errors=paths) for _ in range(150)]
    found, token = [], ""
    while not found or token:
        page = jobs.list(1000, token)
        found += [job.id for job in page.jobs]
        token = page.next_page_token
    assert found == added[::-1]


@pytest.mark.parametrize("token", ["x", "-1", "1.5", "٣", "9" * 19, "9" * 40, " 1"])
def test_wrong_page_token(jobs, token):
    assert status_of(jobs.list, token=token)[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "condition", ["x", "status IN ()", "status IN (FINE)", "name IN (SUCCESS)", "status = SUCCESS"]
)
def test_wrong_filter(jobs, condition):
    assert status_of(jobs.list, condition=condition)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_wrong_requests(jobs, repository):
    operation_id = f"loc{add(repository)[3:]}"
    ask = (
        jobs.get,
        jobs.execute,
        jobs.cancel,
        jobs.clone,
        lambda job_id: next(jobs.stub.ReadLogs(ReadProjectJobLogsRequest(job_id=job_id), timeout=DEADLINE)),
        lambda project: jobs.list(project=project),
    )
    for call in ask:
        for wrong in ("", "x" * 51, "x" * 60, "я" * 51):
            assert status_of(call, wrong)[0] is grpc.StatusCode.INVALID_ARGUMENT
        for unknown in (UNKNOWN, "x", "job", "job' OR 1", operation_id):
            assert status_of(call, unknown)[0] is grpc.StatusCode.NOT_FOUND
    assert status_of(jobs.list, -1)[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert jobs.list(2**63 - 1).jobs
    request = DeleteProjectJobRequest(job_id=UNKNOWN)
    assert status_of(jobs.stub.Delete, request, timeout=DEADLINE)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_requests_survive_a_restart(jobs, repository, store, clock):
    graceful, clone = add(repository, 100, graceful=30), jobs.clone(add(repository, 1))
    jobs.cancel(graceful, graceful=True, reason="reason")
    with contextlib.closing(type(store)(store.path)) as again:
        later = OperationRepository(again, clock)
        clock.advance(30)
        assert later.get(f"loc{graceful[3:]}").error.message == "The operation was cancelled: reason"
        assert is_waiting(later.current(f"loc{clone[3:]}"))
