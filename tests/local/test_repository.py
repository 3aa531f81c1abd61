"""What the repository answers as time passes, on a real store and a clock that the test sets."""

from __future__ import annotations

import pytest

from ds_ops_magic.local import process_lock
from ds_ops_magic.local.repository import OperationRepository, begin_job
from ds_ops_magic.local.results import Outcome
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("success", Status.SUCCEEDED),
        ("failure", Status.FAILED),
        ("failing", Status.FAILED),
        ("cancelled", Status.CANCELLED),
        ("no-cancel", Status.SUCCEEDED),
    ],
)
def test_end_is_final(repository, store, clock, outcome, status):
    operation = repository.add_simulation(Simulation(1, 2, outcome))
    clock.advance(2)
    end = repository.get(operation.id)
    assert Operation(end).status is status
    assert end.created_at == operation.created_at == operation.modified_at
    clock.advance(-2)
    assert end.created_at.ToNanoseconds() == clock.now
    assert repository.get(operation.id) == end
    assert repository.cancel(operation.id) == end, "Cancel of an operation that is done returns it"
    again = Store(store.path)
    assert OperationRepository(again, clock).get(operation.id) == end
    again.close()


def test_end_during_a_cancel(repository, store, clock, monkeypatch):
    operation = repository.add_simulation(Simulation(1))
    update = store.update

    def delayed_update(*args, **options):
        clock.advance(1)
        return update(*args, **options)

    monkeypatch.setattr(store, "update", delayed_update)
    assert Operation(repository.cancel(operation.id)).status is Status.SUCCEEDED


def test_job_lifecycle(repository, store, clock):
    operation = repository.add_job(process_lock.current_owner(store.path), "description")
    assert Operation(repository.get(operation.id)).status is Status.RUNNING
    assert begin_job(store, operation.id)
    clock.advance(5)
    repository.record_outcome(operation.id, Outcome.from_value("first"))
    end = Operation(repository.get(operation.id))
    assert end.response.string_value == "first"
    assert end.elapsed == 5
    repository.record_outcome(operation.id, Outcome.from_value("second"))
    assert Operation(repository.get(operation.id)) == end, "the first outcome stays"


def test_modified_at_never_decreases(repository, store, clock):
    operation = repository.add_job(process_lock.current_owner(store.path))
    assert begin_job(store, operation.id)
    clock.advance(-60)
    for ask in (
        repository.cancel,
        lambda found: repository.record_outcome(found, Outcome.from_value(None)),
        repository.get,
    ):
        ask(operation.id)
        assert repository.get(operation.id).modified_at.ToNanoseconds() >= operation.modified_at.ToNanoseconds()
