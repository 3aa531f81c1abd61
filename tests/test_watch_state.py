"""What a Watch knows of its operations: what each update changes, and when a wait has what it waits for."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ops_magic.model.errors import CancelNotSupported
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.view import Entry, Update
from ds_ops_magic.model.waiting import ReturnWhen
from ds_ops_magic.watch_state import WatchState
from tests.support.scripted import message

ALL, FIRST, FIRST_FAILURE = ReturnWhen.ALL, ReturnWhen.FIRST, ReturnWhen.FIRST_FAILURE


def operation(name: str, **how: Any) -> Operation:
    return Operation(message(name, **how))


def good(name: str) -> Update:
    return Update(name, after=operation(name, done=True))


def bad(name: str) -> Update:
    return Update(name, after=operation(name, done=True, error=(8, "no quota")))


def gone(name: str) -> Update:
    return Update(name, error=error_for("NOT_FOUND", "", name))


def refusal(name: str) -> Update:
    return Update(name, cancel_error=error_for("UNIMPLEMENTED", "", name, "cancel"))


def test_a_course_from_nothing_to_its_end() -> None:
    state, running = WatchState(["a", "b"]), operation("a")
    assert state.entries == {"a": Entry("a"), "b": Entry("b")}
    assert state.apply(Update("a", after=running)) == Update("a", None, running)
    assert (state.seen, state.ended, state.unfinished()) == (1, 0, ["a", "b"])
    last = good("a")
    assert state.apply(last) == Update("a", running, last.after)
    assert (state.seen, state.ended) == (1, 1)
    assert state.apply(good("b")).before is None
    assert (state.seen, state.ended) == (2, 2)
    assert state.all_seen
    assert state.all_ended
    assert state.unfinished() == []


def test_the_pace_is_that_of_the_time_since_each_was_seen() -> None:
    now, names = [100.0], [f"op{number}" for number in range(40)]
    state = WatchState(names, lambda: now[0])
    for number, name in enumerate(names):  # a first round of 40 s, in which half turn out to be over
        now[0] += 1.0
        state.apply(good(name) if number < 20 else Update(name, after=operation(name)))
        assert state.throughput == 0.0
    assert state.watched_for == 40.0
    for number, name in enumerate(names[20:30], 1):
        now[0] += 0.4
        state.apply(good(name))
        assert state.throughput == 0.0, f"{number} ends in {number * 0.4} s are too little to go by"
    now[0] += 1.0
    assert state.throughput == pytest.approx(10 / 5.0)


@pytest.mark.parametrize("last", [good, bad, gone])
def test_nothing_comes_after_the_end(last: Any) -> None:
    state = WatchState(["a"])
    state.apply(last("a"))
    held = state.entries["a"]
    for late in (Update("a", after=operation("a")), good("a"), gone("a"), refusal("a")):
        assert state.apply(late) is None
    assert state.entries["a"] is held
    assert (state.ended, state.seen) == (1, 1)


def test_a_refused_cancel_is_no_end_and_no_answer() -> None:
    state = WatchState(["a"])
    assert state.note_cancel(["a"]) == ["a"]
    assert state.entries["a"].cancelling
    change = state.apply(refusal("a"))
    assert isinstance(change.cancel_error, CancelNotSupported)
    assert (change.error, change.before, change.after, change.ended) == (None, None, None, False)
    assert (state.seen, state.ended) == (0, 0)
    entry = state.entries["a"]
    assert (entry.cancelling, entry.cancel_error) == (False, change.cancel_error)
    state.note_cancel(["a"])  # asked for once more
    entry = state.entries["a"]
    assert entry == Entry("a", cancelling=True, cancelling_since=entry.cancelling_since)


def test_when_a_cancel_was_first_asked_for_and_whether_by_force() -> None:
    now = [100.0]
    state = WatchState(["a"], lambda: now[0])
    now[0] = 107.0
    state.note_cancel(["a"])
    assert (state.entries["a"].cancelling_since, state.entries["a"].forced) == (7.0, False)
    now[0] = 111.0
    state.note_cancel(["a"], force=True)
    assert (state.entries["a"].cancelling_since, state.entries["a"].forced) == (7.0, True)
    state.apply(refusal("a"))
    assert (state.entries["a"].cancelling_since, state.entries["a"].forced) == (0.0, False)


def test_cancel_of_what_has_ended_and_of_what_is_not_watched() -> None:
    state = WatchState("abc")
    state.apply(good("b"))
    assert state.note_cancel(state.entries) == ["a", "c"]
    assert state.entries["b"].cancelling is False
    with pytest.raises(KeyError):
        state.note_cancel(["c", "d"])


@pytest.mark.parametrize(
    ("reports", "settled", "failed"),
    [
        ([], "", ""),
        ([Update("a", after=operation("a", error=(8, "failing")))], "", ""),
        ([good("a")], "FIRST", ""),
        ([bad("a")], "FIRST, FIRST_FAILURE", "a"),
        ([gone("a")], "FIRST_FAILURE", "a"),  # it did not end: it cannot be waited for
        ([gone("a"), good("b")], "FIRST, FIRST_FAILURE", "a"),
        ([good("a"), good("b"), good("c")], "ALL, FIRST, FIRST_FAILURE", ""),
        ([good("a"), bad("b"), gone("c")], "ALL, FIRST, FIRST_FAILURE", "b, c"),
        ([gone("a"), gone("b"), gone("c")], "ALL, FIRST, FIRST_FAILURE", "a, b, c"),
    ],
)
def test_when_a_wait_is_settled_and_what_it_raises(reports: list[Update], settled: str, failed: str) -> None:
    state = WatchState("abc")
    for report in reports:
        state.apply(report)
    assert ", ".join(when.name for when in (ALL, FIRST, FIRST_FAILURE) if state.is_settled(when)) == settled
    assert ", ".join(state.failures(FIRST_FAILURE)) == failed
    one_ended = any(report.after is not None and report.after.done for report in reports)
    assert state.failures(FIRST) == ({} if one_ended else state.failures(ALL))
