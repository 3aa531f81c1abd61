"""ReadLogs and ReadStdLogs, over a channel, with a clock that the test sets."""

from __future__ import annotations

import contextlib
import itertools
import time

import grpc
import pytest
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    CancelProjectJobRequest,
    CloneProjectJobRequest,
    CloneProjectJobResponse,
    ExecuteProjectJobRequest,
    GetProjectJobRequest,
    ReadProjectJobLogsRequest,
    ReadProjectJobStdLogsRequest,
    StandardStream,
    StdLog,
)
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2_grpc import ProjectJobServiceStub

from ds_ops_magic.local import LocalService, process_lock
from ds_ops_magic.local.job_logs import JobLogs
from ds_ops_magic.local.job_messages import job_id_of
from ds_ops_magic.local.project_jobs import ProjectJobs
from ds_ops_magic.local.results import Outcome
from ds_ops_magic.local.simulation import Simulation
from tests.support.local_service import DEADLINE, status_of

LINES = [f"line {number}" for number in range(10)]


@pytest.fixture
def stub(channel):
    return ProjectJobServiceStub(channel)


def read(stub, job_id, offset=0):
    return stub.ReadLogs(ReadProjectJobLogsRequest(job_id=job_id, offset=offset), timeout=DEADLINE)


def texts(answers):
    return [log.content.decode().removesuffix("\n") for answer in answers for log in answer.logs]


def add(repository, *arguments, **options):
    return job_id_of(repository.add_simulation(Simulation(*arguments, **options)).id)


def test_every_field(stub, repository, clock):
    began = clock.now
    job_id = add(repository, 4, log=["out", ("stderr", "err"), (".system.log", "я"), ("user.txt", "")])
    clock.advance(4)
    (answer,) = read(stub, job_id)
    assert answer.offset == 4
    out, err, system, user = answer.logs
    assert (out.standard_stream, out.content) == (StandardStream.OUT, b"out\n")
    assert (err.standard_stream, err.content) == (StandardStream.ERR, b"err\n")
    assert (system.WhichOneof("source"), system.file_path, system.content) == (
        "file_path",
        ".system.log",
        "я\n".encode(),
    )
    assert (user.file_path, user.content) == ("user.txt", b"\n")
    stamps = [log.created_at.ToNanoseconds() - began for log in answer.logs]
    assert stamps == [0, 10**9, 2 * 10**9, 3 * 10**9]


def test_std_logs_have_no_files(stub, repository, clock):
    job_id = add(repository, 4, log=["out", (".system.log", "x"), ("stderr", "err")])
    clock.advance(4)
    (answer,) = stub.ReadStdLogs(ReadProjectJobStdLogsRequest(job_id=job_id), timeout=DEADLINE)
    assert [(log.content, log.type) for log in answer.logs] == [(b"out\n", StdLog.OUT), (b"err\n", StdLog.ERR)]
    assert answer.offset == 3, "as of the other, so that it does not come back"


def test_lines_appear_by_the_clock(stub, repository, clock):
    job_id = add(repository, 10, log=LINES)
    answers = read(stub, job_id)
    assert (texts([next(answers)]), clock.advance(3)) == (LINES[:1], None)
    answer = next(answers)
    assert (texts([answer]), answer.offset) == (LINES[1:4], 4)
    clock.advance(7)
    assert texts(answers) == LINES[4:], "and the stream ends with the job"


def test_offsets(stub, repository, clock):
    job_id = add(repository, 10, log=LINES)
    clock.advance(5)
    later = read(stub, job_id, 8)
    clock.advance(5)
    assert texts(later) == LINES[8:]
    assert texts(read(stub, job_id, 9)) == LINES[9:]
    for nothing in (-1, 10, 11, 2**63 - 1):
        assert list(read(stub, job_id, nothing)) == []
    for wrong in (-2, -(2**63)):
        assert status_of(next, read(stub, job_id, wrong))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_offset_of_now(repository, clock):
    # Not over a channel, where a client cannot tell at which moment the server has begun.
    jobs = ProjectJobs(repository)
    job_id = add(repository, 10, log=LINES)
    clock.advance(4.5)

    def wait(seconds):
        clock.advance(seconds)
        return False

    assert texts(JobLogs(repository, jobs).read(ReadProjectJobLogsRequest(job_id=job_id, offset=-1), wait)) == LINES[5:]


@pytest.mark.parametrize("outcome", ["cancelled", "success"])
def test_cancel_ends_the_log(stub, repository, clock, outcome):
    job_id = add(repository, 10, 5, outcome, log=LINES)
    if outcome == "success":
        clock.advance(5)
        stub.Cancel(CancelProjectJobRequest(job_id=job_id), timeout=DEADLINE)
    clock.advance(10)
    assert texts(read(stub, job_id)) == LINES[:6]


@pytest.mark.parametrize("outcome", ["failure", "failing", "no-cancel"])
def test_whole_log_of_other_outcomes(stub, repository, clock, outcome):
    job_id = add(repository, 10, 5, outcome, log=LINES)
    clock.advance(10)
    assert texts(read(stub, job_id)) == LINES


def test_job_of_no_duration(stub, repository):
    assert texts(read(stub, add(repository, 0, log=LINES))) == LINES


def test_long_logs_come_in_parts(stub, repository, clock):
    lines = [f"{number} " + "x" * 300 for number in range(20_000)]
    job_id = add(repository, 1, log=lines)
    clock.advance(1)
    answers = list(read(stub, job_id))
    assert texts(answers) == lines
    assert all(answer.ByteSize() < 1_000_000 for answer in answers)
    offsets = [answer.offset for answer in answers]
    assert offsets == list(itertools.accumulate(len(answer.logs) for answer in answers))
    assert len(repository.get(f"loc{job_id[3:]}").SerializeToString()) < 2000, "it is not in the operation"
    long = add(repository, 0, log=["я" * 1_000_000] * 2)
    assert [len(text) for text in texts(read(stub, long))] == [1_000_000] * 2


def test_reading_changes_nothing(stub, repository, clock, store):
    job_id = add(repository, 10, log=LINES)
    clone = CloneProjectJobResponse()
    assert stub.Clone(CloneProjectJobRequest(source_job_id=job_id)).response.Unpack(clone)
    before = store.rows()
    waiting = read(stub, clone.job_id)
    clock.advance(5)
    running = read(stub, job_id)
    assert texts([next(running)]) == LINES[:6]
    for answers in (waiting, running):
        answers.cancel()
    assert store.rows() == before
    assert not stub.Get(GetProjectJobRequest(job_id=clone.job_id)).HasField("started_at")


def test_log_of_a_clone(stub, repository, clock):
    job_id = add(repository, 10, log=LINES)
    clone = CloneProjectJobResponse()
    assert stub.Clone(CloneProjectJobRequest(source_job_id=job_id)).response.Unpack(clone)
    answers = read(stub, clone.job_id)
    clock.advance(60)
    stub.Execute(ExecuteProjectJobRequest(job_id=clone.job_id), timeout=DEADLINE)
    assert texts([next(answers)]) == LINES[:1]
    clock.advance(10)
    assert texts(answers) == LINES[1:]


def test_job_of_a_callable(stub, repository, store):
    operation = repository.add_job(process_lock.current_owner(store.path))
    answers = read(stub, job_id_of(operation.id))
    repository.record_outcome(operation.id, Outcome.from_value(None))
    assert list(answers) == [], "it has no log, and the stream ends with it"


def test_after_a_restart(path):
    with LocalService(path) as service:
        job_id = job_id_of(service.simulate(0, log=LINES).id)
    with LocalService(path) as service, grpc.insecure_channel(service.address) as channel:
        assert texts(read(ProjectJobServiceStub(channel), job_id)) == LINES


def test_damaged_log(stub, repository, store):
    job_id = add(repository, 0, log=LINES)
    with contextlib.closing(type(store)(store.path)) as other:
        other.update(f"loc{job_id[3:]}", lambda row: row._replace(simulation=row.simulation + "]"))
    assert status_of(next, read(stub, job_id))[0] is grpc.StatusCode.DATA_LOSS
    assert stub.Get(GetProjectJobRequest(job_id=job_id)).id == job_id


def test_last_line_is_there_when_the_job_ends():
    with LocalService() as service, grpc.insecure_channel(service.address) as channel:
        operation = service.simulate(1, log=LINES)
        answers = [(answer, time.time()) for answer in read(ProjectJobServiceStub(channel), job_id_of(operation.id))]
        assert texts(answer for answer, _ in answers) == LINES
        delays = [came - log.created_at.ToNanoseconds() / 1e9 for answer, came in answers for log in answer.logs]
        assert sorted(delays)[len(delays) // 2] < 0.5
