"""The job in an operation's metadata: of simulations, of callables, and of rows that earlier versions wrote."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobProgress, JobResult, JobStatus
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata, ExecuteProjectJobResponse

from ds_ops_magic.local import LocalService, process_lock
from ds_ops_magic.local.job_messages import job_id_of, job_message, operation_id_of, operation_message, packed
from ds_ops_magic.local.repository import begin_job
from ds_ops_magic.local.results import Outcome
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.model.operation import Operation
from tests.support.local_service import count, ended, started, until_cancelled, wait_until


def job_of(operation):
    return Operation(operation).metadata.job


def status_of(operation):
    return JobStatus.Name(job_of(operation).status)


def test_ids():
    assert job_id_of("loc0123456789abcdefg") == "job0123456789abcdefg"
    assert operation_id_of("job0123456789abcdefg") == "loc0123456789abcdefg"
    for other in ("", "loc0123456789abcdefg", "x"):
        assert operation_id_of(other) is None


def test_resource_of_an_operation_is_its_job(service):
    for operation in (service.simulate(60), service.simulate(0), service.submit(int)):
        assert operation.resource_id == job_id_of(operation.id)
        assert service.get(operation.id).resource_id == operation.resource_id


@pytest.mark.parametrize(
    ("value", "status", "details"),
    [
        (None, "SUCCESS", ""),
        ("ExecuteProjectJobResponse", "SUCCESS", ""),
        (ExecuteProjectJobResponse(result=JobResult(return_code=3)), "ERROR", "The program returned 3"),
        (ValueError("wrong\nvalue"), "ERROR", "ValueError: wrong value"),
    ],
)
def test_callable(repository, store, clock, value, status, details):
    operation = repository.add_job(process_lock.current_owner(store.path), "Train")
    assert status_of(operation) == "PREPARING"
    assert not job_of(operation).HasField("started_at")
    assert begin_job(store, operation.id)
    job = job_of(repository.get(operation.id))
    assert (job.name, job.status) == ("Train", JobStatus.EXECUTING)
    assert job.started_at.seconds
    clock.advance(5)
    outcome = Outcome.from_exception(value) if isinstance(value, Exception) else Outcome.from_value(value)
    repository.record_outcome(operation.id, outcome)
    end = repository.get(operation.id)
    assert (status_of(end), job_of(end).status_details) == (status, details)
    assert job_of(end).started_at == job.started_at
    assert job_of(end).finished_at == end.modified_at


def test_progress_keeps_the_job(service):
    operation = service.submit(count, 4)
    end = ended(service, operation.id)
    job = end.metadata.job
    assert (job.id, job.status) == (job_id_of(operation.id), JobStatus.SUCCESS)
    assert job.HasField("started_at")
    assert end.progress.fraction == 1


def test_reason_of_a_cancelled_callable(service):
    repository = service._started_server().repository
    operation = service.submit(until_cancelled)
    wait_until(lambda: started(service, operation))
    answer = Operation(repository.cancel(operation.id, reason="too slow"))
    assert answer.error.message == "The operation is being cancelled: too slow"
    assert answer.metadata.job.status == JobStatus.CANCELLING
    end = ended(service, operation.id)
    assert end.error.message == end.metadata.job.status_details == "The operation was cancelled: too slow"
    assert end.metadata.job.status == JobStatus.CANCELLED


def test_cancel_without_a_reason(repository):
    operation = repository.add_simulation(Simulation(10))
    assert repository.cancel(operation.id).error.message == "The operation is being cancelled"


@pytest.mark.parametrize("done", [False, True])
def test_rows_of_an_earlier_version(repository, store, clock, done):
    simulated, submitted = (
        repository.add_simulation(Simulation(1)),
        repository.add_job(process_lock.current_owner(store.path)),
    )
    clock.advance(2 if done else 0.5)
    earlier = packed(ExecuteProjectJobMetadata(progress=JobProgress(progress=40, message="x")))
    for operation in (simulated, submitted):
        store.update(operation.id, lambda row: row._replace(metadata=earlier, done=done, started=True))
        job = job_of(repository.get(operation.id))
        assert (job.id, JobStatus.Name(job.status)) == (job_id_of(operation.id), "SUCCESS" if done else "EXECUTING")
    assert Operation(repository.get(submitted.id)).progress.fraction == 0.4


def test_messages_agree(repository, store, clock):
    # What is written when an operation ends is what was computed before it was written.
    operation = repository.add_simulation(Simulation(1, return_code=2, file_errors=["a.txt"], graceful=1), "Train")
    clock.advance(2)
    end = repository.get(operation.id)
    row = store.read(operation.id)
    assert row.done
    assert operation_message(row) == end
    assert job_message(row) == job_of(end)
    metadata = ExecuteProjectJobMetadata()
    assert AnyMessage.FromString(row.metadata).Unpack(metadata)
    assert metadata.job == job_of(end)
    assert metadata.metadata.finished_at == metadata.job.finished_at == end.modified_at


def test_another_process_reads_the_same(path):
    with LocalService(path) as service:
        operation = service.simulate(60, graceful=3)
        with LocalService(path) as other:
            assert other.get(operation.id) == service.get(operation.id) == operation
