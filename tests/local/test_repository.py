"""What the ledger answers as time passes: a real store, and a clock in hand."""

from __future__ import annotations

import re

import pytest

from ds_ops_magic.local import owners
from ds_ops_magic.local.refusals import Refusal
from ds_ops_magic.local.repository import OperationRepository, begin_work
from ds_ops_magic.local.results import returned
from ds_ops_magic.local.simulation import OUTCOMES, Simulation
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status


@pytest.fixture
def ledger(store, clock):
    return OperationRepository(store, clock)


def test_an_id_looks_like_one_of_the_service(ledger):
    ids = {ledger.add_simulation(Simulation()).id for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"loc[a-z0-9]{17}", found) for found in ids)


def test_every_field_is_set(ledger, clock):
    message = ledger.add_simulation(Simulation(1), "description")
    assert message.created_by
    assert message.created_at == message.modified_at
    assert message.created_at.ToNanoseconds() == clock.now
    assert (message.description, message.done) == ("description", False)
    assert message.HasField("metadata")
    assert message.WhichOneof("result") is None
    clock.pass_by(1)
    ended = ledger.get(message.id)
    assert ended.done
    assert ended.WhichOneof("result") == "response"
    assert ended.modified_at.ToNanoseconds() == clock.now
    assert ended.created_at == message.created_at


ENDS = {
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "failing": Status.FAILED,
    "cancelled": Status.CANCELLED,
    "no-cancel": Status.SUCCEEDED,
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_end_that_was_seen_stays_though_the_clock_is_set_back(ledger, store, clock, outcome):
    began = ledger.add_simulation(Simulation(1, 2, outcome))
    clock.pass_by(2)
    end = ledger.get(began.id)
    assert Operation(end).status is ENDS[outcome]
    clock.pass_by(-2)
    assert ledger.get(began.id) == end
    assert ledger.cancel(began.id) == end, "Cancel of what is over is its state"
    again = Store(store.path)
    assert OperationRepository(again, clock).get(began.id) == end
    again.close()


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "no-cancel"])
def test_a_cancel_shows_and_then_ends(ledger, clock, outcome):
    began = ledger.add_simulation(Simulation(10, 5, outcome))
    clock.pass_by(2.5)
    answer = Operation(ledger.cancel(began.id))
    assert (answer.status_word, answer.error.code, answer.done) == ("cancelling", 1, False)
    assert answer.progress.text == "step 1 of 5"
    clock.pass_by(0.1)
    assert Operation(ledger.cancel(began.id)) == answer, "asking twice changes nothing"
    clock.pass_by(0.2)
    end = Operation(ledger.get(began.id))
    assert end.status is Status.CANCELLED
    clock.pass_by(60)
    assert Operation(ledger.get(began.id)) == end


def test_what_cannot_be_cancelled_refuses_and_goes_on(ledger, clock):
    began = ledger.add_simulation(Simulation(1, 1, "no-cancel"))
    with pytest.raises(Refusal) as caught:
        ledger.cancel(began.id)
    assert caught.value.code == "UNIMPLEMENTED"
    clock.pass_by(1)
    assert Operation(ledger.get(began.id)).status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("operation_id", "code"), [("", "INVALID_ARGUMENT"), ("x" * 51, "INVALID_ARGUMENT"), ("loc0", "NOT_FOUND")]
)
def test_an_id_that_is_none_is_refused(ledger, operation_id, code):
    for ask in (ledger.get, ledger.cancel):
        with pytest.raises(Refusal) as caught:
            ask(operation_id)
        assert caught.value.code == code


def test_a_description_has_at_most_256_characters(ledger, store):
    assert ledger.add_simulation(Simulation(), "я" * 256).description == "я" * 256
    for add in (
        lambda words: ledger.add_simulation(Simulation(), words),
        lambda words: ledger.add_work("owner", words),
    ):
        with pytest.raises(ValueError, match=r"^A description has at most 256 characters, and this one has 257\.$"):
            add("я" * 257)
    assert len(store.rows()) == 1


def test_a_description_that_cannot_be_sent_is_mended(ledger):
    assert ledger.get(ledger.add_simulation(Simulation(), "a\ud800b").id).description == "a?b"


def test_the_newest_come_first_and_each_as_it_is_now(ledger, clock):
    first = ledger.add_simulation(Simulation(1))
    second = ledger.add_simulation(Simulation(100))
    clock.pass_by(2)
    assert [(found.id, found.done) for found in ledger.list()] == [(second.id, False), (first.id, True)]


def test_work_goes_from_waiting_to_its_end(ledger, store, clock):
    began = ledger.add_work(owners.current_owner(store.path), "work")
    assert Operation(ledger.get(began.id)).status is Status.RUNNING
    assert begin_work(store, began.id)
    clock.pass_by(5)
    ledger.end(began.id, returned("first"))
    end = Operation(ledger.get(began.id))
    assert end.response.string_value == "first"
    assert end.elapsed == 5
    ledger.end(began.id, returned("second"))
    assert Operation(ledger.get(began.id)) == end, "the first end stays"


def test_work_that_is_cancelled_before_its_turn_never_begins(ledger, store):
    began = ledger.add_work(owners.current_owner(store.path))
    answer = Operation(ledger.cancel(began.id))
    assert (answer.status_word, answer.done) == ("cancelling", False)
    assert not begin_work(store, began.id)
    assert Operation(ledger.get(began.id)).status is Status.CANCELLED
    assert not begin_work(store, began.id)


def test_work_that_ends_in_spite_of_a_cancel_has_succeeded(ledger, store):
    began = ledger.add_work(owners.current_owner(store.path))
    assert begin_work(store, began.id)
    assert Operation(ledger.cancel(began.id)).status_word == "cancelling"
    assert Operation(ledger.get(began.id)).status_word == "cancelling"
    ledger.end(began.id, returned(None))
    assert Operation(ledger.get(began.id)).status is Status.SUCCEEDED


def test_work_of_a_process_that_ended_is_aborted_once(ledger, store, clock):
    began = ledger.add_work("0123456789abcdef")
    clock.pass_by(3)
    end = Operation(ledger.get(began.id))
    assert (end.status, end.error.name, end.error.message) == (
        Status.FAILED,
        "ABORTED",
        "the process that ran it has ended",
    )
    clock.pass_by(3)
    assert Operation(ledger.get(began.id)) == end
    assert not begin_work(store, began.id)


def test_a_change_is_never_older_than_the_one_before(ledger, store, clock):
    began = ledger.add_work(owners.current_owner(store.path))
    assert begin_work(store, began.id)
    clock.pass_by(-60)
    for ask in (ledger.cancel, lambda found: ledger.end(found, returned(None)), ledger.get):
        ask(began.id)
        assert ledger.get(began.id).modified_at.ToNanoseconds() >= began.modified_at.ToNanoseconds()
