"""Jobs of DataSphere: followed by their own ids, cancelled by their own service, listed, and with a link."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from yandex.cloud.datasphere.v2.jobs import jobs_pb2

from ds_ops_magic import CancelNotSupported, OperationNotFound, OperationsError, Status
from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.connection import EndpointConnection
from tests.support.cloud import Cloud
from tests.support.following import QUICK, client_of, until
from tests.support.project_jobs import ProjectJobs, executing, job
from tests.support.scripted import Call, ScriptedServer, Stage, message

Code = grpc.StatusCode


def not_found(call: Call) -> Any:
    return call.refuse(Code.NOT_FOUND, "no such operation")


def with_jobs(jobs: ProjectJobs, get: Any = not_found, cancel: Any = None) -> ScriptedServer:
    return ScriptedServer(get, cancel, more=[jobs.add])


def test_a_job_is_followed_by_its_id() -> None:
    jobs = ProjectJobs(job("j1"))
    with with_jobs(jobs) as server, client_of(server) as client:
        watch = client.watch("job:j1")
        until(lambda: watch.operations[0])
        jobs.set(job("j1", jobs_pb2.SUCCESS))
        assert watch.wait(10)[0].status is Status.SUCCEEDED  # type: ignore[union-attr]
        assert server.gets() == 0


@pytest.mark.parametrize("how", ["watch", "get", "cancel"])
def test_an_id_that_is_no_operation_is_tried_as_a_job(how: str) -> None:
    jobs = ProjectJobs(job("j1"))
    with with_jobs(jobs) as server, client_of(server) as client:
        if how == "watch":
            watch = client.watch("j1", "a")
            until(lambda: watch.all_seen)
            (entry, gone) = watch.view().entries
            assert entry.is_by_job_id
            assert isinstance(gone.error, OperationNotFound)
            jobs.set(job("j1", jobs_pb2.ERROR, status_details="no memory"))
            until(lambda: watch.done)
            assert [found.status if found else None for found in watch.operations] == [Status.FAILED, None]
        else:
            assert getattr(client, how)("j1").id == "job:j1"
        assert server.gets("j1") == 1  # and by the job's id from then on
        assert len(jobs.cancels) == (how == "cancel")
        assert server.cancels() == 0


def test_what_is_followed_as_a_job_is_cancelled_dropped_and_followed_again_as_one() -> None:
    jobs = ProjectJobs(job("j1"))
    with with_jobs(jobs) as server, client_of(server) as client:
        watch, again = client.watch("j1"), client.watch("j1")
        until(lambda: watch.all_seen and again.all_seen)
        watch.cancel(reason="too slow")
        until(lambda: jobs.cancels)
        assert jobs.cancels[0].reason == "too slow"
        watch.stop()
        third = client.watch("j1")
        until(lambda: third.all_seen)
        assert server.gets("j1") == 1
        again.stop()
        third.stop()
        until(lambda: not client._poller._poller._hosts.number_tracked)


def test_where_there_is_no_service_of_jobs_it_is_asked_once() -> None:
    with ScriptedServer(not_found) as server, client_of(server) as client:
        watch = client.watch(*(f"o{number}" for number in range(50)))
        until(lambda: watch.done)
        assert all(isinstance(entry.error, OperationNotFound) for entry in watch.view().entries)
        assert server.gets() == 50


def test_another_host_of_jobs_that_is_silent_costs_a_moment_and_the_answer_stays() -> None:
    with ScriptedServer(not_found) as plain:
        connection = Cloud(operation=plain.address, datasphere="127.0.0.1:1")
        with OperationClient(connection, schedule=QUICK, connect_timeout=0.3) as client:
            for _ in range(3):
                with pytest.raises(OperationNotFound, match="The service knows no operation j1"):
                    client.get("j1")


def test_a_job_is_cancelled_by_its_own_service() -> None:
    jobs = ProjectJobs()
    made = executing("a", job("j1", graceful=True))
    with with_jobs(jobs, lambda call: made) as server, client_of(server) as client:
        assert client.cancel("a", reason="too slow").id == "a"
        client.cancel("a", force=True)
        assert [(one.job_id, one.reason, one.graceful) for one in jobs.cancels] == [
            ("j1", "too slow", True),
            ("j1", "", False),
        ]
        assert server.cancels() == 0
        assert server.gets("a") == 4  # before each, to see what it is, and after it


def test_where_that_service_is_not_there_the_operation_service_cancels() -> None:
    made = executing("a", job("j1"))
    cancelled = executing("a", job("j1"), error=(1, "being cancelled"))
    with ScriptedServer(lambda call: made, lambda call: cancelled) as server, client_of(server) as client:
        assert client.cancel("a").status_word == "cancelling"
        assert server.cancels("a") == 1


def test_a_cancel_of_a_job_that_came_too_late() -> None:
    jobs = ProjectJobs()
    jobs.refuses = Code.FAILED_PRECONDITION

    def get(call: Call) -> Any:
        return executing("a", job("j1"), done=call.number > 1)

    with with_jobs(jobs, get) as server, client_of(server) as client:
        assert client.cancel("a").done


def test_a_cancel_of_a_job_that_is_refused() -> None:
    jobs = ProjectJobs(job("j1"))
    jobs.refuses = Code.PERMISSION_DENIED
    with with_jobs(jobs, lambda call: executing("a", job("j1"))) as server, client_of(server) as client:
        for key in ("a", "job:j1"):
            with pytest.raises(OperationsError, match="No permission for operation"):
                client.cancel(key)
        watch = client.watch("a")
        until(lambda: watch.all_seen)
        watch.cancel()
        entry = until(lambda: next((one for one in watch.view().entries if one.cancel_error), None))
        assert not entry.cancelling
        assert server.cancels() == 0


def test_an_operation_that_is_no_job_is_not_stopped_gracefully() -> None:
    with ScriptedServer(Stage(), Stage()) as server, client_of(server) as client:
        with pytest.raises(CancelNotSupported, match="only jobs can be stopped gracefully"):
            client.cancel("a", graceful=True)
        assert server.cancels() == 0
        client.cancel("a", force=True)
        assert server.cancels() == 1


def test_the_jobs_of_a_project() -> None:
    jobs = ProjectJobs(job("done", jobs_pb2.SUCCESS, created=90), *(job(f"j{n}", created=n) for n in range(5)))
    with with_jobs(jobs) as server, client_of(server) as client:
        found = client.list_jobs("project1")
        assert [one.id for one in found] == [f"job:j{n}" for n in (4, 3, 2, 1, 0)] + ["job:done"]
        assert jobs.calls["List"] == 3
        assert client.list_jobs("project1", limit=2) == found[:2]
        for number in range(5):
            jobs.set(job(f"j{number}", jobs_pb2.SUCCESS))
        assert len(client.wait_all(found, 10).succeeded) == 6
        with pytest.raises(OperationNotFound, match="The jobs of project other cannot be listed"):
            client.list_jobs("other")


def test_a_list_where_there_are_no_jobs() -> None:
    with ScriptedServer(not_found) as server, client_of(server) as client:
        with pytest.raises(OperationsError, match="The jobs of project p1 cannot be listed") as caught:
            client.list_jobs("p1")
        assert "Check the id of the project" in str(caught.value)


def test_the_link_of_a_job_costs_one_call_a_project() -> None:
    class WithConsole(EndpointConnection):
        console = "datasphere.yandex.cloud"

    jobs = ProjectJobs()
    with with_jobs(jobs, lambda call: executing(call.id, job(f"j{call.id}"))) as server:
        with OperationClient(WithConsole(server.address), schedule=QUICK) as client:
            watch = client.watch("a", "b", "c")
            links = until(
                lambda: dict(watch.view().project_links) if any(watch.view().project_links.values()) else None
            )
            assert links == {"project1": "https://datasphere.yandex.cloud/communities/community1/projects/project1"}
            client.watch("d")
        assert jobs.calls["Project"] == 1
        with client_of(server) as client:
            plain = client.watch("a")
            until(lambda: plain.all_seen)
        assert jobs.calls["Project"] == 1  # an endpoint that is no cloud's has no console


def test_jobs_among_thousands_of_operations_cost_what_others_do() -> None:
    """Nobody reads their logs, and what they are is known from the answers."""
    jobs = ProjectJobs()

    def get(call: Call) -> Any:
        done = call.number > 1
        return executing(call.id, job(f"j{call.id}"), done=done) if int(call.id) < 600 else message(call.id, done=done)

    with with_jobs(jobs, get) as server, client_of(server, rate=10_000.0) as client:
        assert len(client.wait_all(map(str, range(2_000)), 60).succeeded) == 2_000
        assert server.gets() == 4_000
        assert server.cancels() == 0
        assert not jobs.calls
