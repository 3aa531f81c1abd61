"""Ends that cannot be written at once: answered from memory, and written when the file can be written again."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import pytest

from ds_ops_magic.local import LocalService, database, ends, owners
from ds_ops_magic.local.ends import Ends
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.local.results import returned
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import begun, calling, ended, script, until_told, wait_until


@contextmanager
def locked(path):
    """Hold the lock of a database's one writer, as another process does that does not come to an end."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


def written(path, operation_id):
    store = Store(path, create=False)
    try:
        return store.read(operation_id).done
    finally:
        store.close()


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(ends, "PATIENCE", 0.05)
    monkeypatch.setattr(ends, "FIRST_PAUSE", 0.01)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ops.sqlite"


def submitted(service):
    """Begin work that ends when the event is set."""
    go_on = threading.Event()
    operation = service.submit(go_on.wait, 20)
    wait_until(lambda: begun(service, operation))
    return operation, go_on


def test_an_end_is_known_while_another_process_holds_the_lock_and_written_afterwards(path):
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


def test_a_service_that_is_started_again_knows_the_end_that_its_process_could_not_write(path):
    service = LocalService(path).start()
    operation, go_on = submitted(service)
    with locked(path):
        service.close()
        go_on.set()
        with LocalService(path) as again:
            assert ended(again, operation.id).status is Status.SUCCEEDED
    wait_until(lambda: written(path, operation.id))


def test_what_was_dropped_by_a_close_that_could_not_write_ends_cancelled(path):
    go_on = threading.Event()
    with LocalService(path) as service:
        for _ in range(32):
            service.submit(go_on.wait, 20)
        dropped = service.submit(int)
        with locked(path):
            service.close()
            with LocalService(path) as again:
                assert again.get(dropped.id).status is Status.CANCELLED
        go_on.set()
    wait_until(lambda: written(path, dropped.id))


def test_closing_tries_once_more(path, monkeypatch):
    monkeypatch.setattr(ends, "FIRST_PAUSE", 600.0)
    with LocalService(path) as service:
        operation, go_on = submitted(service)
        with locked(path):
            go_on.set()
            ended(service, operation.id)
        assert not written(path, operation.id)
    assert written(path, operation.id)


def test_the_end_of_work_in_another_process_comes_back_and_is_written_by_the_service(path, tmp_path):
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pool, LocalService(path, executor=pool) as service:
        operation = service.submit(until_told, tmp_path / "go on")
        wait_until(lambda: begun(service, operation))
        with locked(path):
            (tmp_path / "go on").touch()
            assert ended(service, operation.id).result().string_value == "told"
            assert not written(path, operation.id)
            for process in pool._processes.values():
                process.kill()  # it has the end too, and would write it
        wait_until(lambda: written(path, operation.id))


_FILLS_THE_DISK = """
import resource, sys
from tests.support.local_service import begun, ended, wait_until
from ds_ops_magic.local import LocalService
import threading
with LocalService(sys.argv[1]) as service:
    go_on = threading.Event()
    operation = service.submit(go_on.wait, 20)
    wait_until(lambda: begun(service, operation))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # no file may grow, nor be written at all
    go_on.set()
    print(operation.id, ended(service, operation.id).status.name, flush=True)
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sys.stdin.readline()
"""


def test_a_full_disk_costs_no_end(path):
    with script(_FILLS_THE_DISK, path) as process:
        operation_id, status = process.stdout.readline().split()
        assert status == "SUCCEEDED"
        assert not written(path, operation_id)
        process.stdin.write("\n")
        process.stdin.flush()
        wait_until(lambda: written(path, operation_id))


def test_a_killed_process_takes_its_unwritten_end_along_and_its_work_is_aborted(path):
    with script(_FILLS_THE_DISK, path) as process:
        operation_id, status = process.stdout.readline().split()
        assert status == "SUCCEEDED"
        process.send_signal(signal.SIGKILL)
        process.wait()
    with LocalService(path) as service:
        assert service.get(operation_id).error.name == "ABORTED"


def test_work_that_no_executor_took_is_over_even_where_it_cannot_be_taken_back(path, monkeypatch):
    class Refuses(ProcessPoolExecutor):
        def submit(self, *_):
            self.lock = locked(path)
            self.lock.__enter__()
            raise RuntimeError("no more work here")

    pool = Refuses(1)
    with LocalService(path, executor=pool) as service:
        monkeypatch.setattr(database, "BUSY", 0.05)
        with pytest.raises(RuntimeError, match="no more work here"):
            service.submit(int)
        (left,) = service.operations()
        assert left.error.name == "ABORTED"
        pool.lock.__exit__(None, None, None)
        wait_until(lambda: written(path, left.id))


@pytest.fixture
def work(store):
    return OperationRepository(store).add_work(owners.current_owner(store.path)).id


def test_attempts_grow_rarer_and_end_when_all_is_written(store, work, monkeypatch):
    kept, pauses = Ends(store.path), []
    with locked(store.path):

        def rest(pause):
            pauses.append(pause)
            if len(pauses) == 12:
                other.__exit__(None, None, None)
            return True

        other = locked(store.path)
        monkeypatch.setattr(kept, "_rest", rest)
        assert Operation(OperationRepository(store).get(work)).status is Status.RUNNING
    other.__enter__()
    kept.keep(work, returned(1), 7)
    wait_until(lambda: store.read(work).done)
    wait_until(lambda: not kept.retrying)
    assert pauses == sorted(pauses)
    assert pauses[:3] == pytest.approx([0.01, 0.02, 0.04])
    assert len(pauses) == 12
    assert max(pauses) <= ends.LONGEST_PAUSE


def test_nothing_is_kept_for_a_database_that_is_gone():
    go_on, before = threading.Event(), threading.enumerate()
    with LocalService() as service:
        path = service.path
        service.submit(go_on.wait, 20)
        wait_until(lambda: begun(service, service.operations()[0]))
    assert not path.exists()
    go_on.set()
    wait_until(lambda: not set(threading.enumerate()) - set(before))
    ends.of(path).keep("loc1", returned(1), 7)
    wait_until(lambda: not ends.of(path).retrying)


def test_where_no_thread_can_be_started_the_next_question_tries_again(store, work, monkeypatch):
    kept = ends.of(store.path)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        kept.keep(work, returned(1), 7)
        assert Operation(OperationRepository(store).get(work)).status is Status.SUCCEEDED
    assert not store.read(work).done
    OperationRepository(store).get(work)
    wait_until(lambda: store.read(work).done)


def no_more(_thread):
    raise RuntimeError("can't start new thread")
