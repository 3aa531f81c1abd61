"""What is over goes by age and by count; what goes on stays, however old it is."""

from __future__ import annotations

import math
import re
import sqlite3
import threading

import pytest

from ds_ops_magic.local import LocalService, Retention, owners
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.local.results import returned
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import ended, until_cancelled

DAY = 86_400 * 10**9


def ids(store):
    return [row.id for row in store.rows()]


def course(ledger, seconds=1.0):
    return ledger.add_simulation(Simulation(duration=seconds)).id


def work(ledger, *, over=True):
    operation_id = ledger.add_work(owners.current_owner(ledger.store.path)).id
    if over:
        ledger.end(operation_id, returned(1))
    return operation_id


def test_by_age_from_its_end(store, clock):
    ledger = OperationRepository(store, clock, Retention(days=30, count=None))
    unseen, long, going = course(ledger), course(ledger, 86_400.0), work(ledger, over=False)
    old = work(ledger)
    clock.now += 30 * DAY
    ledger.prune()
    assert ids(store) == [old, going, long, unseen]  # to the nanosecond
    clock.now += 1
    fresh = work(ledger)
    ledger.prune()
    assert ids(store) == [fresh, going, long, unseen]
    clock.now += DAY
    ledger.prune()  # both courses have ended meanwhile, though nobody asked; what goes on is never too old
    assert ids(store) == [fresh, going]


def test_by_count_the_newest_stay(store, clock):
    ledger = OperationRepository(store, clock, Retention(days=None, count=3))
    going = [work(ledger, over=False), course(ledger, 86_400.0)]
    made = [*(work(ledger) for _ in range(3)), course(ledger), course(ledger)]
    clock.now += 10**10
    ledger.prune()
    assert ids(store) == [*made[:-4:-1], *reversed(going)]
    OperationRepository(store, clock, Retention(days=None, count=0)).prune()
    assert ids(store) == [*reversed(going)]


@pytest.mark.parametrize("days", [None, math.inf, 1e300])
def test_nothing_goes_where_all_is_kept(store, clock, days):
    ledger = OperationRepository(store, clock, Retention(days=days, count=None))
    made = [work(ledger) for _ in range(5)]
    clock.now += 10_000 * DAY
    ledger.prune()
    assert ids(store) == made[::-1]


def test_it_is_done_again_after_500_new_ones_and_after_an_hour(store, clock):
    ledger = OperationRepository(store, clock, Retention(days=None, count=10))
    for _ in range(499):
        work(ledger)
    assert len(ids(store)) == 499
    work(ledger)
    assert len(ids(store)) == 10
    for _ in range(5):
        work(ledger)
    assert len(ids(store)) == 15
    clock.now += 3_600 * 10**9
    work(ledger)
    assert len(ids(store)) == 10


def test_a_database_that_cannot_be_written_loses_nothing_and_fails_nothing(store, clock, monkeypatch):
    ledger = OperationRepository(store, clock, Retention(days=0, count=0))
    made = work(ledger)
    clock.now += 1

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "prune", full)
        ledger.prune()
    assert ids(store) == [made]


def test_a_service_prunes_when_it_starts_and_leaves_work_of_another_alone(tmp_path):
    path = tmp_path / "ops.sqlite"
    with LocalService(path) as other:
        for _ in range(4):
            ended(other, other.submit(int).id)
        last = ended(other, other.submit(int).id)
        going = other.submit(until_cancelled)
        with LocalService(path, retention=Retention(count=2)) as service:
            assert [operation.id for operation in service.operations()] == [going.id, last.id]
            service.cancel(going.id)
            assert ended(service, going.id).status is Status.CANCELLED


def test_threads_that_submit_while_others_are_pruned_lose_nothing_that_goes_on(store, clock):
    ledger = OperationRepository(store, clock, Retention(days=None, count=0))
    going = []

    def add():
        going.extend(work(ledger, over=False) for _ in range(20))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        ledger.prune()
    for thread in threads:
        thread.join()
    assert sorted(ids(store)) == sorted(going)


@pytest.mark.parametrize("wrong", [-1, math.nan, "x", True, [30]])
def test_days_that_are_none_are_named(wrong):
    with pytest.raises(
        ValueError, match=rf"^days is a number from 0 on, or None for ever, not {re.escape(repr(wrong))}\.$"
    ):
        Retention(days=wrong)


@pytest.mark.parametrize("wrong", [-5, 1.5, math.nan, "x", False])
def test_a_count_that_is_none_is_named(wrong):
    expected = rf"^count is a whole number from 0 on, or None for all, not {re.escape(repr(wrong))}\.$"
    with pytest.raises(ValueError, match=expected):
        Retention(count=wrong)
