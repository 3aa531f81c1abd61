"""Clocks that are wrong: neither what counts of two snapshots nor what is dropped goes by one."""

from __future__ import annotations

import pytest

from ds_ops_magic.history.history import History
from ds_ops_magic.history.record import Record
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from tests.history.conftest import DAY, NOW, Clock, OpenHistory
from tests.support.scripted import message


@pytest.fixture
def open_history(open_history: OpenHistory) -> OpenHistory:
    """Opens the history as one more kernel would, with a clock of its own, and reads it."""

    def opening(clock: Clock) -> History:
        history = open_history(clock)
        history.refresh()
        return history

    return opening


def snapshot(*, done: bool = False, says_when: bool = True, modified: float = 0.0) -> Operation:
    made = message("op1", done=done, modified=modified)
    if not says_when:
        made.ClearField("modified_at")
    return Operation.from_proto(made)


def recorded(history: History, operation: Operation) -> Record:
    """Return what is kept of an operation after one more snapshot of it."""
    history.of("host:1").record_snapshot(operation)
    assert history.flush(10.0)
    (record,) = history.records()
    return record


@pytest.mark.parametrize("says_when", [True, False])
def test_an_end_counts_whatever_the_clock_says(open_history: OpenHistory, says_when: bool) -> None:
    clock = Clock(NOW + 100 * DAY)
    history, other = open_history(clock), open_history(Clock())
    assert recorded(history, snapshot(says_when=says_when)).state == "running"
    other.refresh()
    clock.now = NOW
    for known in (history, other, open_history(Clock())):
        record = recorded(known, snapshot(done=True, says_when=says_when))
        assert (record.state, record.done, record.seen_at) == ("succeeded", True, NOW)


def test_a_clock_ahead_does_not_win(open_history: OpenHistory) -> None:
    ahead, right = open_history(Clock(NOW + 100 * DAY)), open_history(Clock())
    assert recorded(ahead, snapshot(modified=50.0)).state == "running"
    assert recorded(right, snapshot(done=True, modified=10.0)).state == "succeeded"
    for known in (ahead, right, open_history(Clock())):
        known.of("host:1").record_snapshot(snapshot(modified=50.0))  # an answer that was overtaken
        assert known.flush(10.0)
        known.refresh()
        assert [record.state for record in known.records()] == ["succeeded"]


def test_the_next_snapshot_corrects_when_it_was_seen(open_history: OpenHistory) -> None:
    clock = Clock(NOW + 100 * DAY)
    history = open_history(clock)
    recorded(history, snapshot())
    clock.now = NOW
    assert recorded(history, snapshot()).seen_at == NOW
    (record,) = open_history(Clock()).records()
    assert record.seen_at == NOW
    clock.now = NOW + 59.0
    assert recorded(history, snapshot()).seen_at == NOW  # that it still stands so is not worth writing yet


def test_use_by_a_clock_ahead_comes_last(open_history: OpenHistory) -> None:
    ahead = open_history(Clock(NOW + 100 * DAY))
    ahead.of("host:1").record_request(["ahead"])
    assert ahead.flush(10.0)
    history = open_history(Clock())
    history.of("host:1").record_request(["now"])
    assert history.flush(10.0)
    assert [record.id for record in history.records()] == ["now", "ahead"]
    history.of("host:1").record_request(["ahead"])  # puts it right, for every kernel
    assert history.flush(10.0)
    for known in (history, open_history(Clock(NOW + 1.0))):
        assert [(record.id, record.used_at) for record in known.records()] == [("ahead", NOW), ("now", NOW)]


def test_a_time_in_the_future_is_not_shown(open_history: OpenHistory) -> None:
    clock = Clock(NOW + 100 * DAY)
    history = open_history(clock)
    recorded(history, snapshot())
    clock.now = NOW
    error = history.of("host:1").record_error("op1", error_for("NOT_FOUND", "no such thing", "op1"))
    assert str(error.args[0]).endswith(" When last seen: running.")
