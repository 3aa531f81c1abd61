"""Jobs in other processes: pools, cancels from another process, and processes that are killed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from ds_ops_magic.local import JobCancelled, LocalService, Reporter
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import (
    count,
    die,
    ended,
    proceed,
    process_id,
    script,
    started,
    until_cancelled,
    wait_until,
)


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_process_pool(pool):
    with LocalService(executor=pool) as service:
        where = ended(service, service.submit(process_id).id)
        assert where.result().number_value not in (0, os.getpid())
        counted = ended(service, service.submit(count, 3).id)
        assert (counted.progress.fraction, counted.progress.text) == (1.0, "3 of 3")


def test_unpicklable_callable(pool):
    with LocalService(executor=pool) as service:
        end = ended(service, service.submit(lambda: 1).id)
        assert end.status is Status.FAILED
        assert "ickl" in end.error.message


def test_worker_that_dies():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with LocalService(executor=pool) as service:
            end = ended(service, service.submit(die).id)
        assert (end.error.name, end.error.message) == ("ABORTED", "the process that ran it has ended")


def test_outcome_after_close(pool, path):
    with LocalService(path, executor=pool) as service:
        operation = service.submit(until_cancelled)
        wait_until(lambda: service.get(operation.id).progress.text == "waiting")
    with LocalService(path) as again:
        assert again.get(operation.id).status is Status.RUNNING, "an executor that was given is not stopped"
        again.cancel(operation.id)
        assert ended(again, operation.id).status is Status.CANCELLED


class FarAway(ThreadPoolExecutor):
    """Runs its work where the database is not, as a pool of other machines does."""

    def submit(self, function, call):
        return super().submit(function, call._replace(path=call.path.parent / "elsewhere" / call.path.name))


def test_executor_on_another_machine():
    with FarAway(1) as pool, LocalService(executor=pool) as service:
        assert ended(service, service.submit(count, 3).id).result().number_value == 3
        assert "ValueError" in ended(service, service.submit(int, "x").id).error.message
        assert not (service.path.parent / "elsewhere").exists()


def test_reporter_without_database(tmp_path):
    reporter = pickle.loads(pickle.dumps(Reporter(tmp_path / "gone" / "ops.sqlite", "loc1")))  # noqa: S301
    reporter.progress(0.5, "nobody hears")
    assert not reporter.cancelled
    reporter.check()


def test_pickled_reporter(service):
    operation = service.submit(until_cancelled)
    reporter = Reporter(service.path, operation.id)
    assert not reporter.cancelled
    service.cancel(operation.id)
    copy = pickle.loads(pickle.dumps(reporter))  # noqa: S301
    with pytest.raises(JobCancelled):
        copy.check()
    reporter.close()
    copy.close()
    ended(service, operation.id)


_RUNS = """
import sys
from tests.support.local_service import until_cancelled
from ds_ops_magic.local import LocalService
with LocalService(sys.argv[1]) as service:
    print(service.submit(until_cancelled).id, flush=True)
    sys.stdin.readline()
"""


def test_cancel_in_another_process(service):
    with script(_RUNS, service.path) as process:
        running = process.stdout.readline().strip()
        wait_until(lambda: service.get(running).progress.text == "waiting")
        assert service.cancel(running).status_word == "cancelling"
        assert ended(service, running).status is Status.CANCELLED


_SUBMITS = """
import sys, threading
from ds_ops_magic.local import LocalService
service = LocalService(sys.argv[1]).start()
print(service.submit(threading.Event().wait, description="running").id, flush=True)
while True:
    print(service.simulate(1000).id, flush=True)
"""

_LOOKS = """
import sys
from ds_ops_magic.local import LocalService
with LocalService(sys.argv[1]) as service:
    print("ready", flush=True)
    sys.stdin.readline()
    end = service.get(sys.argv[2])
    print(end.error.name, end.to_proto().modified_at.ToNanoseconds(), flush=True)
"""


def test_killed_process(path):
    with script(_SUBMITS, path) as process:
        running = process.stdout.readline().strip()
        acknowledged = [process.stdout.readline().strip() for _ in range(100)]
        with LocalService(path) as service:
            wait_until(lambda: started(service, service.get(running)))
            assert service.get(running).status is Status.RUNNING, "its process lives"
        process.kill()
        process.wait()
        acknowledged += process.stdout.read().splitlines()
    with script(_LOOKS, path, running) as one, script(_LOOKS, path, running) as two:
        for process in (one, two):
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            proceed(process)
        first, second = one.stdout.readline(), two.stdout.readline()
    assert first.startswith("ABORTED ")
    assert first == second
    with LocalService(path) as service:
        assert set(acknowledged) <= {operation.id for operation in service.operations()}
        assert service.get(acknowledged[-1]).status is Status.RUNNING, "a simulation needs no process"
        assert f"ABORTED {service.get(running).to_proto().modified_at.ToNanoseconds()}\n" == first


_FORKS = """
import os
from ds_ops_magic import OperationsError, connect
from ds_ops_magic.local import LocalService
with LocalService() as service, connect(service.address) as client:
    operation = service.simulate(0)
    child = os.fork()
    if child == 0:
        try:
            service.submit(lambda: None)
        except OperationsError as error:
            service.close()
            os._exit(0 if "forked" in str(error) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert service.path.exists()
    assert client.get(operation.id).done
"""


def test_forked_child():
    with script(_FORKS) as process:
        assert process.wait(20) == 0
