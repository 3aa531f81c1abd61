"""%op list --project: the jobs that the cloud itself lists, to be waited for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from IPython.core.error import UsageError
from yandex.cloud.datasphere.v2.jobs import jobs_pb2

from ds_ops_magic import OperationNotFound, Status
from ds_ops_magic.display.table import text
from tests.magics import Op
from tests.support.project_jobs import PROJECT, ProjectJobs, job
from tests.support.scripted import Call, ScriptedServer


@pytest.fixture
def jobs(run: Op) -> Iterator[ProjectJobs]:
    """A project with jobs, on a service that the line magic is connected to, and no operation."""
    there = ProjectJobs(
        job("ended", jobs_pb2.SUCCESS, created=90, name="yesterday's"),
        job("lost", created=80, name="<b>train</b>", status_details="\x1b[31mepoch 3"),
        job("older", jobs_pb2.PREPARING, created=70),
    )

    def get(call: Call) -> Any:
        return call.refuse(grpc.StatusCode.NOT_FOUND, "no such operation")

    with ScriptedServer(get, more=[there.add]) as server:
        run(f"connect {server.address};")
        yield there


def test_those_that_run_come_first_and_can_be_waited_for(run: Op, jobs: ProjectJobs, shell: Any) -> None:
    found = run(f"list --project {PROJECT} -o found")
    assert [(row.id, row.status) for row in found.rows] == [
        ("job:lost", "running"),
        ("job:older", "running"),
        ("job:ended", "succeeded"),
    ]
    assert found.remarks[-1].startswith(f"Jobs of project {PROJECT}, as 127.0.0.1:")
    for one in ("lost", "older"):
        jobs.set(job(one, jobs_pb2.SUCCESS))
    assert [one.status for one in run("wait found")] == [Status.SUCCEEDED] * 3
    assert run("wait found[0]").id == "job:lost"
    assert run("wait job:lost").id == "job:lost"


def test_the_project_is_an_id_a_variable_or_an_expression(run: Op, jobs: ProjectJobs, shell: Any) -> None:
    shell.user_ns.update(mine=PROJECT, other={"id": PROJECT})
    assert len(run("list --project mine")) == len(run("list --project {other['id']}")) == 3


def test_some_of_them(run: Op, jobs: ProjectJobs) -> None:
    found = run(f"list --project {PROJECT} --limit 1")
    assert [record.id for record in found] == ["job:lost"]
    assert found.remarks[0] == "1 of 3 jobs shown; --limit 3 shows all."
    assert len(run(f"list --project {PROJECT} --running")) == 2
    for one in ("lost", "older"):
        jobs.set(job(one, jobs_pb2.ERROR))
    assert run(f"list --project {PROJECT} --running").remarks[0] == f"No job of project {PROJECT} runs."


def test_what_a_job_is_called_is_text(run: Op, jobs: ProjectJobs) -> None:
    shown = text(run(f"list --project {PROJECT}"))
    assert "<b>train</b>" in shown
    assert "\x1b" not in shown


def test_what_cannot_be_listed(run: Op, jobs: ProjectJobs) -> None:
    with pytest.raises(OperationNotFound, match="The jobs of project other cannot be listed"):
        run("list --project other")
    for wrong in ("--all", "--since 2d"):
        with pytest.raises(UsageError, match="are about what was followed from here: leave out --project"):
            run(f"list --project {PROJECT} {wrong}")
    assert jobs.calls["List"] == 1


@pytest.mark.parametrize("how", ["get", "wait --no-raise", "cancel"])
def test_an_id_of_a_job_is_said_to_be_one(run: Op, jobs: ProjectJobs, how: str, capsys: Any) -> None:
    jobs.set(job("lost", jobs_pb2.ERROR))
    assert run(f"{how} lost").id == "job:lost"
    said = "%op: lost: a job's id, seen as job:ID; the id of its operation tells more."
    assert capsys.readouterr().out.count(said) == 1
    run(f"{how} lost;")
    run(f"{how} job:lost")
    assert said not in capsys.readouterr().out


def test_several_ids_of_jobs_take_one_line(run: Op, jobs: ProjectJobs, capsys: Any) -> None:
    run("get ended lost job:older ended")
    assert "%op: ended, lost: ids of 2 jobs, seen as job:ID" in capsys.readouterr().out
