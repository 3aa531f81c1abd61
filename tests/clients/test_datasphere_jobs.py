"""The client of `datasphere` beside ours: jobs by their ids, the list of a project, cancels, logs."""

from __future__ import annotations

from collections import Counter

import pytest

from ds_ops_magic import (
    CancelNotSupported,
    Job,
    LocalService,
    OperationCancelled,
    OperationClient,
    OperationNotFound,
    Status,
)
from ds_ops_magic.model.references import Reference
from tests.clients.conftest import Cloud
from tests.clients.environments import Program
from tests.clients.outcomes import WAIT, job_of
from tests.support.following import until

pytestmark = pytest.mark.timeout(300)  # an environment may have to be waited for

PROJECT = "local-project"
LOG = [
    "first",
    ("stderr", "to stderr: ü 漢 \x1b[31mred"),
    (".system.log", "of the machine"),
    (".gpu_stats.tsv", "0\t17"),
    "",
    ("out/own.txt", "in a file of its own"),
    ("stderr", "<b>no markup</b>"),
    "last",
]
STATUSES = {
    "EXECUTING": Status.RUNNING,
    "SUCCESS": Status.SUCCEEDED,
    "ERROR": Status.FAILED,
    "CANCELLING": Status.FAILING,
    "CANCELLED": Status.CANCELLED,
}


def lines_of(log: list[str | tuple[str, str]]) -> list[list[str]]:
    """Return the lines of a log, each with its source."""
    return [[*line] if isinstance(line, tuple) else ["stdout", line] for line in log]


def logged(lines: list[list[str]]) -> list[list[str]]:
    """Return which of them their client logs: those of a file of the user go into a file."""
    return [line for line in lines if line[0] != "out/own.txt"]


def read_by(ours: OperationClient, operation: Reference) -> list[list[str]]:
    return [[line.source, line.text] for line in ours.logs(operation, sources=None)]


@pytest.fixture
def service(cloud: Cloud) -> LocalService:
    return cloud.service


def test_it_is_alone(datasphere: Program) -> None:
    assert datasphere.call("installed") == ["datasphere"]


def test_list(service: LocalService, datasphere: Program, ours: OperationClient) -> None:
    kinds = ({"duration": 600}, {}, {"return_code": 3}, {"outcome": "failure"}, {"outcome": "cancelled"})
    for number in range(60):  # of which 50 are on a page of theirs
        service.simulate(**{"duration": 0, **kinds[number % len(kinds)]})

    def listed() -> list[list[str]]:
        found = datasphere.call("list_", project=PROJECT)
        return [] if any(status == "CANCELLING" for _, status in found) else found

    theirs = until(listed)
    wanted = {"EXECUTING": 12, "SUCCESS": 12, "ERROR": 24, "CANCELLED": 12}
    assert Counter(status for _, status in theirs) == wanted
    assert {Job(job).key: STATUSES[status] for job, status in theirs} == {
        found.id: found.status for found in ours.list_jobs(PROJECT)
    }
    assert len({job for job, _ in theirs}) == len(theirs)
    assert datasphere.call("project", project_id=PROJECT) == "local-community"


def test_cancel_gracefully_then_at_once(service: LocalService, datasphere: Program, ours: OperationClient) -> None:
    operation = service.simulate(600, graceful=600)
    job = job_of(operation)
    for graceful, status in ((None, "EXECUTING"), (True, "CANCELLING")):
        if graceful:
            datasphere.call("cancel", job=job, graceful=graceful)
        assert datasphere.call("get", job=job)["status"] == status
        for found in (ours.get(operation), ours.get(Job(job))):
            assert (found.status, found.done) == (STATUSES[status], False)
    datasphere.call("cancel", job=job)
    with pytest.raises(OperationCancelled):
        ours.wait(operation, WAIT)
    assert datasphere.call("get", job=job)["status"] == "CANCELLED"


def test_ours_first(service: LocalService, datasphere: Program, ours: OperationClient) -> None:
    operation = service.simulate(600, graceful=600)
    assert ours.cancel(operation, graceful=True, reason="too dear").status is Status.FAILING
    theirs = datasphere.call("get", job=job_of(operation))
    assert theirs["status"] == "CANCELLING"
    assert theirs["details"].endswith("too dear")
    ours.cancel(operation, force=True)
    with pytest.raises(OperationCancelled):
        ours.wait(operation, WAIT)
    assert datasphere.call("get", job=job_of(operation))["status"] == "CANCELLED"


def test_what_is_refused(service: LocalService, datasphere: Program, ours: OperationClient) -> None:
    operation = service.simulate(600, outcome="no-cancel")
    job = job_of(operation)
    code, message = datasphere.call("refusal", function="cancel", arguments={"job": job})
    assert code in ("UNIMPLEMENTED", "FAILED_PRECONDITION")
    with pytest.raises(CancelNotSupported, match=message):
        ours.cancel(operation)
    assert datasphere.call("get", job=job)["status"] == "EXECUTING"
    code, _ = datasphere.call("refusal", function="get", arguments={"job": "job-unknown"})
    assert code == "NOT_FOUND"
    with pytest.raises(OperationNotFound):
        ours.get(Job("job-unknown"))


def test_log_of_a_job_that_is_over(service: LocalService, datasphere: Program, ours: OperationClient) -> None:
    log = LOG[:-1] + [f"line {number}" for number in range(3000)] + LOG[-1:]  # several messages
    operation = service.simulate(0, return_code=137, log=log)
    job = job_of(operation)
    lines = read_by(ours, operation)
    assert lines == lines_of(log)
    assert datasphere.call("read_logs", job=job) == logged(lines)
    assert (datasphere.folder / "out/own.txt").read_text() == "in a file of its own\n"
    assert read_by(ours, Job(job)) == lines
    assert datasphere.call("read_logs", job=job, offset=len(log) - 2) == logged(lines[-2:])
    assert datasphere.call("read_logs", job=job, offset=-1) == [], "from now on"


def test_log_of_a_job_that_runs(service: LocalService, datasphere: Program, ours: OperationClient) -> None:
    log = LOG + [f"line {number}" for number in range(200)]
    begun = datasphere.call("fork", job=job_of(service.simulate(1.5, log=log)))
    reading = datasphere.ask("read_logs", job=begun["job"])
    assert not ours.get(begun["operation"]).done
    lines = read_by(ours, begun["operation"])
    assert lines == lines_of(log)
    assert reading.result(WAIT) == logged(lines)
    assert ours.get(begun["operation"]).done
