"""The client of `datasphere` and ours wait for the same jobs: both say the same of how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from ds_ops_magic import Job, Operation, OperationClient, OperationFailed, Status
from tests.clients.conftest import Cloud
from tests.clients.environments import ANSWER_TIMEOUT, Program
from tests.clients.outcomes import as_theirs, job_of, waited

pytestmark = pytest.mark.timeout(300)  # an environment may have to be waited for

DURATION = 2.0  # seconds; less than they wait before they ask again, and more than it takes to begin
LONG = 600.0
LOST = ["out/model.bin", "b.txt"]
SAID = "Simulated failure: the file was not found"


class Case(NamedTuple):
    """A job, and how its wait is to end; ``cancel`` gets their client, ours, the job and its operation."""

    ends: dict[str, Any]
    simulated: dict[str, Any]
    cancel: Callable[[Program, OperationClient, str, str], object] | None = None


def _completed(**simulated: Any) -> Case:
    return Case({"completed": True}, simulated)


def _cancelled(cancel: Callable[[Program, OperationClient, str, str], object], **simulated: Any) -> Case:
    return Case({"code": 1}, {"duration": LONG, **simulated}, cancel)


CASES = {
    "success": _completed(),
    "exit code 1": Case({"return_code": 1}, {"return_code": 1}),
    "exit code 137": Case({"return_code": 137}, {"return_code": 137}),
    "ended by a signal": Case({"return_code": -9}, {"return_code": -9}),
    "error of the service": Case({"code": 8}, {"outcome": "failure"}),
    "error before the end": Case({"code": 13}, {"outcome": "failing"}),
    "cancelled by someone": Case({"code": 1}, {"outcome": "cancelled"}),
    "cancelled by theirs": _cancelled(lambda theirs, ours, job, operation: theirs.call("cancel", job=job)),
    "stopped by theirs": _cancelled(
        lambda theirs, ours, job, operation: theirs.call("cancel", job=job, graceful=True), graceful=1.0
    ),
    "cancelled by ours": _cancelled(lambda theirs, ours, job, operation: ours.cancel(operation, reason="too dear")),
    "cancelled by ours as a job": _cancelled(lambda theirs, ours, job, operation: ours.cancel(Job(job))),
    "stopped by ours": _cancelled(
        lambda theirs, ours, job, operation: ours.cancel(operation, graceful=True), graceful=1.0
    ),
    "files that were not stored": Case({"completed": True, "lost": LOST}, {"file_errors": LOST}),
    "a file too, and exit code 137": Case(
        {"return_code": 137, "lost": LOST[:1]}, {"return_code": 137, "file_errors": LOST[:1]}
    ),
}


class Ended(NamedTuple):
    job: str
    operation: str
    theirs: dict[str, Any]
    ours: Operation | OperationFailed


@pytest.fixture(scope="module")
def ended(cloud: Cloud, datasphere: Program, ours: OperationClient) -> Iterator[dict[str, Ended]]:
    """Have both clients wait for all of them while they run, at once: theirs asks every 5 s."""
    with ThreadPoolExecutor(len(CASES)) as pool:

        def begin(case: Case) -> tuple[dict[str, Any], Future[Any], Future[Any]]:
            source = cloud.service.simulate(**{"duration": DURATION, **case.simulated})
            begun = datasphere.call("fork", job=job_of(source))
            theirs = datasphere.ask("wait", job=begun["job"])
            return begun, theirs, pool.submit(waited, ours, begun["operation"])

        waiting = {name: begin(case) for name, case in CASES.items()}
        for name, (begun, _, _) in waiting.items():
            if cancel := CASES[name].cancel:
                cancel(datasphere, ours, begun["job"], begun["operation"])
        assert not any(begun["done"] for begun, _, _ in waiting.values())
        yield {
            name: Ended(begun["job"], begun["operation"], theirs.result(ANSWER_TIMEOUT), mine.result(ANSWER_TIMEOUT))
            for name, (begun, theirs, mine) in waiting.items()
        }


@pytest.mark.parametrize("name", CASES)
def test_waiting(name: str, ended: dict[str, Ended]) -> None:
    theirs = ended[name].theirs
    wanted = CASES[name].ends
    assert theirs["lost"] == [f"{path} ({SAID})" for path in wanted.get("lost", ())]
    assert {key: theirs[key] for key in wanted if key != "lost"} == {k: v for k, v in wanted.items() if k != "lost"}
    assert as_theirs(ended[name].ours) == theirs


@pytest.mark.parametrize("name", CASES)
def test_asking_about_what_has_ended(
    name: str, ended: dict[str, Ended], datasphere: Program, ours: OperationClient
) -> None:
    found = ended[name]
    again = datasphere.call("execute", job=found.job)
    assert again == {"operation": found.operation, "done": True}, "it is the same operation"
    assert datasphere.call("wait", job=found.job) == found.theirs
    outcome = {key: value for key, value in found.theirs.items() if key != "lost"}
    if "return_code" in outcome:
        outcome = {"completed": True}  # of the operation: the exit code is not looked at
    assert datasphere.call("poll", job=found.job) == outcome
    assert as_theirs(waited(ours, found.operation)) == found.theirs


@pytest.mark.parametrize("name", CASES)
def test_the_job_of_what_has_ended(
    name: str, ended: dict[str, Ended], datasphere: Program, ours: OperationClient
) -> None:
    found = ended[name]
    theirs = datasphere.call("get", job=found.job)
    statuses = {"SUCCESS": Status.SUCCEEDED, "ERROR": Status.FAILED, "CANCELLED": Status.CANCELLED}
    by_operation, by_job = ours.get(found.operation), ours.get(Job(found.job))
    assert by_operation.status is by_job.status is statuses[theirs["status"]]
    assert theirs["lost"] == CASES[name].ends.get("lost", [])
    for operation in (by_operation, by_job):
        assert [warning.partition(" ")[0] for warning in operation.warnings] == theirs["lost"]
    if "code" in found.theirs:
        assert by_job.error is not None
        assert by_job.error.message == theirs["details"] == found.theirs["message"]
