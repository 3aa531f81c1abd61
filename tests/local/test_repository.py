"""What the repository answers as time passes, on a real store and a clock that the test sets."""

from __future__ import annotations

import re

import pytest

from ds_ops_magic.local import process_lock
from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.local.repository import OperationRepository, begin_job
from ds_ops_magic.local.results import Outcome
from ds_ops_magic.local.simulation import OUTCOMES, Simulation
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status


@pytest.fixture
def repository(store, clock):
    return OperationRepository(store, clock)


def test_ids(repository):
    ids = {repository.add_simulation(Simulation()).id for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"loc[a-z0-9]{17}", found) for found in ids)


def test_every_field(repository, clock):
    message = repository.add_simulation(Simulation(1), "description")
    assert message.created_by
    assert message.created_at == message.modified_at
    assert message.created_at.ToNanoseconds() == clock.now
    assert (message.description, message.done) == ("description", False)
    assert message.HasField("metadata")
    assert message.WhichOneof("result") is None
    clock.advance(1)
    ended = repository.get(message.id)
    assert ended.done
    assert ended.WhichOneof("result") == "response"
    assert ended.modified_at.ToNanoseconds() == clock.now
    assert ended.created_at == message.created_at


STATUSES = {
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "failing": Status.FAILED,
    "cancelled": Status.CANCELLED,
    "no-cancel": Status.SUCCEEDED,
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_end_is_final(repository, store, clock, outcome):
    operation = repository.add_simulation(Simulation(1, 2, outcome))
    clock.advance(2)
    end = repository.get(operation.id)
    assert Operation(end).status is STATUSES[outcome]
    clock.advance(-2)
    assert repository.get(operation.id) == end
    assert repository.cancel(operation.id) == end, "Cancel of an operation that is done returns it"
    again = Store(store.path)
    assert OperationRepository(again, clock).get(operation.id) == end
    again.close()


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "no-cancel"])
def test_cancel_of_a_simulation(repository, clock, outcome):
    operation = repository.add_simulation(Simulation(10, 5, outcome))
    clock.advance(2.5)
    answer = Operation(repository.cancel(operation.id))
    assert (answer.status_word, answer.error.code, answer.done) == ("cancelling", 1, False)
    assert answer.progress.text == "step 1 of 5"
    clock.advance(0.1)
    assert Operation(repository.cancel(operation.id)) == answer, "asking twice changes nothing"
    clock.advance(0.2)
    end = Operation(repository.get(operation.id))
    assert end.status is Status.CANCELLED
    clock.advance(60)
    assert Operation(repository.get(operation.id)) == end


def test_end_during_a_cancel(repository, store, clock, monkeypatch):
    operation = repository.add_simulation(Simulation(1))
    update = store.update

    def delayed_update(*args, **options):
        clock.advance(1)
        return update(*args, **options)

    monkeypatch.setattr(store, "update", delayed_update)
    assert Operation(repository.cancel(operation.id)).status is Status.SUCCEEDED


def test_no_cancel(repository, clock):
    operation = repository.add_simulation(Simulation(1, 1, "no-cancel"))
    with pytest.raises(StatusError) as caught:
        repository.cancel(operation.id)
    assert caught.value.code == "UNIMPLEMENTED"
    clock.advance(1)
    assert Operation(repository.get(operation.id)).status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("operation_id", "code"), [("", "INVALID_ARGUMENT"), ("x" * 51, "INVALID_ARGUMENT"), ("loc0", "NOT_FOUND")]
)
def test_invalid_and_unknown_ids(repository, operation_id, code):
    for ask in (repository.get, repository.cancel):
        with pytest.raises(StatusError) as caught:
            ask(operation_id)
        assert caught.value.code == code


def test_description_length(repository, store):
    assert repository.add_simulation(Simulation(), "я" * 256).description == "я" * 256
    for add in (
        lambda text: repository.add_simulation(Simulation(), text),
        lambda text: repository.add_job("owner", text),
    ):
        with pytest.raises(ValueError, match=r"^A description has at most 256 characters, and this one has 257\.$"):
            add("я" * 257)
    assert len(store.rows()) == 1


def test_description_with_lone_surrogates(repository):
    assert repository.get(repository.add_simulation(Simulation(), "a\ud800b").id).description == "a?b"


def test_list_order(repository, clock):
    first = repository.add_simulation(Simulation(1))
    second = repository.add_simulation(Simulation(100))
    clock.advance(2)
    assert [(found.id, found.done) for found in repository.list()] == [(second.id, False), (first.id, True)]


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


def test_cancel_before_start(repository, store):
    operation = repository.add_job(process_lock.current_owner(store.path))
    answer = Operation(repository.cancel(operation.id))
    assert (answer.status_word, answer.done) == ("cancelling", False)
    assert not begin_job(store, operation.id)
    assert Operation(repository.get(operation.id)).status is Status.CANCELLED
    assert not begin_job(store, operation.id)


def test_success_after_a_cancel(repository, store):
    operation = repository.add_job(process_lock.current_owner(store.path))
    assert begin_job(store, operation.id)
    assert Operation(repository.cancel(operation.id)).status_word == "cancelling"
    assert Operation(repository.get(operation.id)).status_word == "cancelling"
    repository.record_outcome(operation.id, Outcome.from_value(None))
    assert Operation(repository.get(operation.id)).status is Status.SUCCEEDED


def test_job_of_a_dead_process(repository, store, clock):
    operation = repository.add_job("0123456789abcdef")
    clock.advance(3)
    end = Operation(repository.get(operation.id))
    assert (end.status, end.error.name, end.error.message) == (
        Status.FAILED,
        "ABORTED",
        "the process that ran it has ended",
    )
    clock.advance(3)
    assert Operation(repository.get(operation.id)) == end
    assert not begin_job(store, operation.id)


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
