"""Operations that are done are removed by age and by count; the others stay."""

from __future__ import annotations

import math
import re
import sqlite3
import threading

import pytest

from ds_ops_magic.local import LocalService, Retention, process_lock
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.local.results import Outcome
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import ended, until_cancelled

DAY = 86_400 * 10**9


def ids(store):
    return [row.id for row in store.rows()]


def simulate(repository, seconds=1.0):
    return repository.add_simulation(Simulation(duration=seconds)).id


def add_job(repository, *, done=True):
    operation_id = repository.add_job(process_lock.current_owner(repository.store.path)).id
    if done:
        repository.record_outcome(operation_id, Outcome.from_value(1))
    return operation_id


def test_by_age(store, clock):
    repository = OperationRepository(store, clock, Retention(days=30, count=None))
    unseen, long, running = simulate(repository), simulate(repository, 86_400.0), add_job(repository, done=False)
    old = add_job(repository)
    clock.now += 30 * DAY
    repository.prune()
    assert ids(store) == [old, running, long, unseen]  # to the nanosecond
    clock.now += 1
    fresh = add_job(repository)
    repository.prune()
    assert ids(store) == [fresh, running, long, unseen]
    clock.now += DAY
    repository.prune()  # both simulations have ended meanwhile; what runs is never too old
    assert ids(store) == [fresh, running]


def test_by_count(store, clock):
    repository = OperationRepository(store, clock, Retention(days=None, count=3))
    running = [add_job(repository, done=False), simulate(repository, 86_400.0)]
    added = [*(add_job(repository) for _ in range(3)), simulate(repository), simulate(repository)]
    clock.now += 10**10
    repository.prune()
    assert ids(store) == [*added[:-4:-1], *reversed(running)]
    OperationRepository(store, clock, Retention(days=None, count=0)).prune()
    assert ids(store) == [*reversed(running)]


@pytest.mark.parametrize("days", [None, math.inf, 1e300])
def test_unlimited(store, clock, days):
    repository = OperationRepository(store, clock, Retention(days=days, count=None))
    added = [add_job(repository) for _ in range(5)]
    clock.now += 10_000 * DAY
    repository.prune()
    assert ids(store) == added[::-1]


def test_when_it_is_repeated(store, clock):
    repository = OperationRepository(store, clock, Retention(days=None, count=10))
    for _ in range(499):
        add_job(repository)
    assert len(ids(store)) == 499
    add_job(repository)
    assert len(ids(store)) == 10
    for _ in range(5):
        add_job(repository)
    assert len(ids(store)) == 15
    clock.now += 3_600 * 10**9
    add_job(repository)
    assert len(ids(store)) == 10


def test_full_disk(store, clock, monkeypatch):
    repository = OperationRepository(store, clock, Retention(days=0, count=0))
    added = add_job(repository)
    clock.now += 1

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "prune", full)
        repository.prune()
    assert ids(store) == [added]


def test_at_start(path):
    with LocalService(path) as other:
        for _ in range(4):
            ended(other, other.submit(int).id)
        last = ended(other, other.submit(int).id)
        running = other.submit(until_cancelled)
        with LocalService(path, retention=Retention(count=2)) as service:
            assert [operation.id for operation in service.operations()] == [running.id, last.id]
            service.cancel(running.id)
            assert ended(service, running.id).status is Status.CANCELLED


def test_while_jobs_are_added(store, clock):
    repository = OperationRepository(store, clock, Retention(days=None, count=0))
    running = []

    def add():
        running.extend(add_job(repository, done=False) for _ in range(20))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        repository.prune()
    for thread in threads:
        thread.join()
    assert sorted(ids(store)) == sorted(running)


_DAYS = "days is a number from 0 on, or None for ever"
_COUNT = "count is a whole number from 0 on, or None for all"


@pytest.mark.parametrize(
    ("name", "wrong", "rule"),
    [
        *(("days", wrong, _DAYS) for wrong in (-1, math.nan, "x", True, [30])),
        *(("count", wrong, _COUNT) for wrong in (-5, 1.5, math.nan, "x", False)),
    ],
)
def test_invalid_arguments(name, wrong, rule):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{rule}, not {wrong!r}.')}$"):
        Retention(**{name: wrong})
