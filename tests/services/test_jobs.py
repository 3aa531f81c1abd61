"""Jobs of DataSphere as operations, and the calls about them."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2
from yandex.cloud.datasphere.v2.jobs import jobs_pb2
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import FileUploadError, Job
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import CancelProjectJobRequest, GetProjectJobRequest

from ds_ops_magic import CancelNotSupported, Status
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.sources import CancelOptions
from ds_ops_magic.services import job_facts, jobs
from tests.support.project_jobs import executing, job
from tests.support.scripted import message

STATUSES = {
    jobs_pb2.JOB_STATUS_UNSPECIFIED: (Status.RUNNING, None),
    jobs_pb2.CREATING: (Status.RUNNING, "being created"),
    jobs_pb2.PREPARING: (Status.RUNNING, "preparing"),
    jobs_pb2.EXECUTING: (Status.RUNNING, "executing"),
    jobs_pb2.UPLOADING_OUTPUT: (Status.RUNNING, "uploading its output"),
    jobs_pb2.CANCELLING: (Status.FAILING, "being cancelled"),
    jobs_pb2.CANCELLED: (Status.CANCELLED, None),
    jobs_pb2.SUCCESS: (Status.SUCCEEDED, None),
    jobs_pb2.ERROR: (Status.FAILED, None),
    99: (Status.RUNNING, None),
}


@pytest.mark.parametrize("status", STATUSES)
def test_the_status_of_a_job(status: int) -> None:
    found = jobs.operation_of(job("j1", status, name="train", desc="nightly", created_by_id="me"))
    assert (found.status, found.progress.text) == STATUSES[status]
    assert (found.id, found.description, found.created_by) == ("job:j1", "train", "me")
    assert found.progress.fraction is None  # the service tells none
    assert found.created_at is not None
    assert found.elapsed == 60.0 if found.done else found.elapsed


def test_every_status_that_there_is_has_its_place() -> None:
    assert set(jobs_pb2.JobStatus.values()) <= set(STATUSES)


def test_what_the_service_says_of_the_status() -> None:
    running = jobs.operation_of(job("j1", jobs_pb2.PREPARING, status_details="waiting for\na machine"))
    assert running.progress.text == "waiting for a machine"
    failed = jobs.operation_of(job("j1", jobs_pb2.ERROR, status_details="out of memory"))
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == (code_pb2.UNKNOWN, "out of memory")
    cancelled = jobs.operation_of(job("j1", jobs_pb2.CANCELLED))
    assert cancelled.error is not None
    assert cancelled.error.message == "the job was cancelled"


def test_files_that_were_not_kept() -> None:
    done = jobs.operation_of(job("j1", jobs_pb2.SUCCESS, file_errors=[FileUploadError(log_file_name="a.log")]))
    assert done.response.output_files_errors[0].log_file_name == "a.log"  # type: ignore[union-attr]
    lost = {"file_errors": [FileUploadError(log_file_name="a.log", description="too large")]}
    for status in (jobs_pb2.SUCCESS, jobs_pb2.ERROR, jobs_pb2.CANCELLED):
        assert jobs.operation_of(job("j1", status, **lost)).warnings == ("a.log (too large)",)
    assert jobs.operation_of(job("j1", jobs_pb2.EXECUTING, **lost)).warnings == ()


def test_a_job_without_times_has_none() -> None:
    found = jobs.operation_of(Job(id="j1", status=jobs_pb2.EXECUTING))
    assert (found.created_at, found.modified_at, found.elapsed) == (None, None, None)


def test_the_source_of_jobs() -> None:
    call = jobs.SOURCE.get("j1")
    assert (call.service, call.method) == ("datasphere", "/yandex.cloud.datasphere.v2.jobs.ProjectJobService/Get")
    assert GetProjectJobRequest.FromString(call.request).job_id == "j1"
    assert jobs.SOURCE.read("job:j1", job("j1").SerializeToString()).id == "job:j1"
    assert jobs.SOURCE.read("job:j1", b"").id == "job:j1"


@pytest.mark.parametrize(
    ("started_gracefully", "options", "graceful"),
    [
        (False, CancelOptions(), False),
        (False, CancelOptions(graceful=True), True),
        (False, CancelOptions(force=True), False),
        (True, CancelOptions(), True),
        (True, CancelOptions(graceful=True), True),
        (True, CancelOptions(force=True), False),
    ],
)
def test_how_a_job_is_cancelled(started_gracefully: bool, options: CancelOptions, graceful: bool) -> None:
    operation = Operation(executing("a", job("j1", graceful=started_gracefully)))
    assert job_facts.stops_gracefully(operation) is started_gracefully
    call = jobs.cancel_call(operation, CancelOptions(options.graceful, options.force, "too slow"))
    assert call is not None
    assert (call.service, call.method) == ("datasphere", "/yandex.cloud.datasphere.v2.jobs.ProjectJobService/Cancel")
    sent = CancelProjectJobRequest.FromString(call.request)
    assert (sent.job_id, sent.reason, sent.graceful) == ("j1", "too slow", graceful)


def test_what_is_no_job_is_not_stopped_gracefully() -> None:
    operation = Operation(message("a"))
    assert jobs.cancel_call(operation, CancelOptions(force=True, reason="why")) is None
    with pytest.raises(CancelNotSupported, match="a is no DataSphere job, and only jobs can be stopped gracefully"):
        jobs.cancel_call(operation, CancelOptions(graceful=True))
    assert not job_facts.stops_gracefully(operation)
