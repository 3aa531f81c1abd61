"""Outcomes that cannot be written at once: answered from memory, and written when the file can be written again."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager

import pytest

from ds_ops_magic.local import LocalService, pending_outcomes, process_lock
from ds_ops_magic.local.pending_outcomes import PendingOutcomes
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.local.results import Outcome
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import calling, ended, proceed, script, started, until_exists, wait_until


@contextmanager
def locked(path):
    """Lock a database as another process does that is writing."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def written(path, operation_id):
    with closing(Store(path, create=False)) as store:
        return store.read(operation_id).done


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(pending_outcomes, "WRITE_TIMEOUT", 0.05)
    monkeypatch.setattr(pending_outcomes, "MIN_PAUSE", 0.01)


def submitted(service):
    """Submit a job that ends when the event is set."""
    go_on = threading.Event()
    operation = service.submit(go_on.wait, 20)
    wait_until(lambda: started(service, operation))
    return operation, go_on


def test_outcome_while_the_database_is_locked(path):
    with LocalService(path) as service, calling(service.address) as caller:
        operation, go_on = submitted(service)
        with locked(path):
            go_on.set()
            end = ended(service, operation.id)
            assert end.status is Status.SUCCEEDED
            assert caller.get(operation.id) == caller.cancel(operation.id) == end
            assert [found for found in service.operations() if found.done] == [end]
            assert not written(path, operation.id)
        wait_until(lambda: written(path, operation.id))
        assert service.get(operation.id) == end


def test_outcome_after_a_restart(path):
    service = LocalService(path).start()
    operation, go_on = submitted(service)
    for _ in range(40):
        service.submit(go_on.wait, 20)
    dropped = service.submit(int)
    with locked(path):
        service.close()
        with LocalService(path) as again:
            assert again.get(dropped.id).status is Status.CANCELLED
            go_on.set()
            assert ended(again, operation.id).status is Status.SUCCEEDED
    wait_until(lambda: written(path, operation.id) and written(path, dropped.id))


def test_close_tries_once_more(path, monkeypatch):
    monkeypatch.setattr(pending_outcomes, "MIN_PAUSE", 600.0)
    with LocalService(path) as service:
        operation, go_on = submitted(service)
        with locked(path):
            go_on.set()
            ended(service, operation.id)
        assert not written(path, operation.id)
    assert written(path, operation.id)


def test_outcome_from_another_process(path, tmp_path):
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pool, LocalService(path, executor=pool) as service:
        operation = service.submit(until_exists, tmp_path / "go on")
        wait_until(lambda: started(service, operation))
        with locked(path):
            (tmp_path / "go on").touch()
            assert ended(service, operation.id).result().string_value == "done"
            assert not written(path, operation.id)
            for process in pool._processes.values():
                process.kill()  # it has the end too, and would write it
        wait_until(lambda: written(path, operation.id))


_FILLS_THE_DISK = """
import resource, sys
from tests.support.local_service import started, ended, wait_until
from ds_ops_magic.local import LocalService
import threading
with LocalService(sys.argv[1]) as service:
    go_on = threading.Event()
    operation = service.submit(go_on.wait, 20)
    wait_until(lambda: started(service, operation))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # no file may grow, nor be written at all
    go_on.set()
    print(operation.id, ended(service, operation.id).status.name, flush=True)
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sys.stdin.readline()
"""


@pytest.fixture
def full(path):
    """A process whose job has ended on a full disk, and the id of that job."""
    with script(_FILLS_THE_DISK, path) as process:
        operation_id, status = process.stdout.readline().split()
        assert status == "SUCCEEDED"
        assert not written(path, operation_id)
        yield process, operation_id


def test_full_disk(path, full):
    process, operation_id = full
    proceed(process)
    wait_until(lambda: written(path, operation_id))


def test_killed_before_writing(path, full):
    process, operation_id = full
    process.kill()
    process.wait()
    with LocalService(path) as service:
        assert service.get(operation_id).error.name == "ABORTED"


def test_refused_job_that_cannot_be_deleted(path, monkeypatch):
    class Refuses(ProcessPoolExecutor):
        def submit(self, *_):
            self.lock = locked(path)
            self.lock.__enter__()
            raise RuntimeError("no more jobs")

    pool = Refuses(1)
    with LocalService(path, executor=pool) as service:
        monkeypatch.setattr("ds_ops_magic.local.store.BUSY_TIMEOUT", 0.05)
        with pytest.raises(RuntimeError, match="no more jobs"):
            service.submit(int)
        (left,) = service.operations()
        assert left.error.name == "ABORTED"
        pool.lock.__exit__(None, None, None)
        wait_until(lambda: written(path, left.id))


@pytest.fixture
def job(store):
    return OperationRepository(store).add_job(process_lock.current_owner(store.path)).id


def test_backoff(store, job, monkeypatch):
    pending, pauses = PendingOutcomes(store.path), []
    with locked(store.path):

        def sleep(pause):
            pauses.append(pause)
            if len(pauses) == 12:
                other.__exit__(None, None, None)
            return True

        other = locked(store.path)
        monkeypatch.setattr(pending._wake, "wait", sleep)
        assert Operation(OperationRepository(store).get(job)).status is Status.RUNNING
    other.__enter__()
    pending.add(job, Outcome.from_value(1), 7)
    wait_until(lambda: store.read(job).done)
    wait_until(lambda: not pending.retrying)
    assert pauses == sorted(pauses)
    assert pauses[:3] == pytest.approx([0.01, 0.02, 0.04])
    assert len(pauses) == 12
    assert max(pauses) <= pending_outcomes.MAX_PAUSE


def test_removed_database():
    go_on, before = threading.Event(), threading.enumerate()
    with LocalService() as service:
        path = service.path
        service.submit(go_on.wait, 20)
        wait_until(lambda: started(service, service.operations()[0]))
    assert not path.exists()
    go_on.set()
    wait_until(lambda: not set(threading.enumerate()) - set(before))
    pending_outcomes.for_database(path).add("loc1", Outcome.from_value(1), 7)
    wait_until(lambda: not pending_outcomes.for_database(path).retrying)


def test_no_thread_to_retry(store, job, no_threads):
    pending = pending_outcomes.for_database(store.path)
    with no_threads:
        pending.add(job, Outcome.from_value(1), 7)
        assert Operation(OperationRepository(store).get(job)).status is Status.SUCCEEDED
    assert not store.read(job).done
    OperationRepository(store).get(job)
    wait_until(lambda: store.read(job).done)
