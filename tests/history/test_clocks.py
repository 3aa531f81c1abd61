"""Clocks that are wrong: neither what counts of two snapshots nor what is dropped goes by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ds_ops_magic.history.database import HistoryFile
from ds_ops_magic.history.history import History
from ds_ops_magic.history.record import Record
from ds_ops_magic.history.retention import RETENTION
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from tests.support.following import until
from tests.support.scripted import message

NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc).timestamp()
DAY = 86400.0


class Clock:
    """A clock that tells what a test sets it to."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


Open = Callable[[Clock], History]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def open_history(path: Path) -> Iterator[Open]:
    """Opens the history as one more kernel would, with a clock of its own."""
    opened: list[History] = []

    def opening(clock: Clock) -> History:
        opened.append(History(path, clock))
        opened[-1].refresh()
        return opened[-1]

    yield opening
    for history in opened:
        history.close()


def snapshot(*, done: bool = False, says_when: bool = True, modified: float = 0.0) -> Operation:
    made = message("op1", done=done, modified=modified)
    if not says_when:
        made.ClearField("modified_at")
    return Operation.from_proto(made)


def told(history: History, operation: Operation) -> Record:
    """Return what is kept of an operation after one more snapshot of it."""
    history.of("host:1").record_snapshot(operation)
    assert history.flush(10.0)
    (record,) = history.records()
    return record


@pytest.mark.parametrize("says_when", [True, False])
def test_an_end_is_kept_whenever_the_clock_said_that_it_still_ran(open_history: Open, says_when: bool) -> None:
    clock = Clock(NOW + 100 * DAY)
    history, other = open_history(clock), open_history(Clock())
    assert told(history, snapshot(says_when=says_when)).state == "running"
    other.refresh()
    clock.now = NOW
    for known in (history, other, open_history(Clock())):
        record = told(known, snapshot(done=True, says_when=says_when))
        assert (record.state, record.done, record.seen_at) == ("succeeded", True, NOW)


def test_of_two_kernels_on_one_file_the_one_whose_clock_is_ahead_does_not_win(open_history: Open) -> None:
    ahead, right = open_history(Clock(NOW + 100 * DAY)), open_history(Clock())
    assert told(ahead, snapshot(modified=50.0)).state == "running"
    assert told(right, snapshot(done=True, modified=10.0)).state == "succeeded"
    for known in (ahead, right, open_history(Clock())):
        known.of("host:1").record_snapshot(snapshot(modified=50.0))  # an answer that was overtaken
        assert known.flush(10.0)
        known.refresh()
        assert [record.state for record in known.records()] == ["succeeded"]


def test_when_it_was_last_seen_is_put_right_by_the_next_look(open_history: Open) -> None:
    clock = Clock(NOW + 100 * DAY)
    history = open_history(clock)
    told(history, snapshot())
    clock.now = NOW
    assert told(history, snapshot()).seen_at == NOW
    (record,) = open_history(Clock()).records()
    assert record.seen_at == NOW
    clock.now = NOW + 59.0
    assert told(history, snapshot()).seen_at == NOW  # that it still stands so is not worth writing yet


def test_what_was_used_by_a_clock_that_was_ahead_does_not_come_first(open_history: Open) -> None:
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


def test_what_a_clock_that_was_ahead_saw_is_told_without_a_time(open_history: Open) -> None:
    clock = Clock(NOW + 100 * DAY)
    history = open_history(clock)
    told(history, snapshot())
    clock.now = NOW
    error = history.of("host:1").record_error("op1", error_for("NOT_FOUND", "no such thing", "op1"))
    assert str(error.args[0]).endswith(" When last seen: running.")


def used(path: Path, now: float, ids: dict[str, float]) -> set[str]:
    """Start a kernel with a clock, use operations at times of its own, and return what the next one finds."""
    clock = Clock(now)
    history = History(path, clock)
    history.refresh()
    for name, moment in ids.items():
        clock.now = moment
        history.of("host:1").record_request([name])
        assert history.flush(10.0)
    history.close()
    file = HistoryFile(path, clock)
    kept = {record.id for record in file.load()}
    file.close()
    return kept


def filled(path: Path) -> set[str]:
    """Use an operation a day, until now."""
    file = HistoryFile(path, Clock())
    file.write([Record("host:1", f"op{age}", NOW - age * DAY) for age in range(52)])
    file.close()
    return {f"op{age}" for age in range(52)}


@pytest.mark.parametrize("ahead", [100 * DAY, 10_000 * DAY, -100 * DAY, -NOW])
def test_a_clock_that_is_wrong_for_some_days_drops_nothing(path: Path, ahead: float) -> None:
    """However many kernels it has; and when it is right again nothing is dropped either."""
    kept = filled(path)
    for day in range(6):
        now = NOW + ahead + day * DAY
        assert used(path, now, {f"wrong{day}": now}) == kept | {f"wrong{day}"}
        kept.add(f"wrong{day}")
    missing = kept - used(path, NOW + 7 * DAY, {})
    assert missing <= {f"wrong{day}" for day in range(6)}  # of which a clock that was behind has said that they are old
    assert ahead < 0 or not missing


def test_what_was_followed_by_a_clock_that_was_behind_is_not_old(path: Path, open_history: Open) -> None:
    """The service said when it has changed."""
    operation = message("op1")
    operation.modified_at.FromSeconds(int(NOW))
    behind = open_history(Clock(NOW - 10_000 * DAY))
    told(behind, Operation.from_proto(operation))
    behind.close()
    filled(path)
    assert "op1" in used(path, NOW + 8 * DAY, {})
    later = NOW + 2 * RETENTION
    assert "op1" in used(path, later, {"later": later})
    assert used(path, later + 8 * DAY, {}) == {"later"}


def test_what_nobody_uses_goes_a_week_after_others_were_used(path: Path) -> None:
    kept = filled(path)
    back = NOW + 365 * DAY
    assert used(path, back, {"first": back}) == {*kept, "first"}
    assert used(path, back + 6 * DAY, {}) == {*kept, "first"}
    assert used(path, back + 7 * DAY, {}) == {"first"}


def test_with_steady_use_90_days_are_kept(path: Path) -> None:
    file = HistoryFile(path, Clock())
    file.write([Record("host:1", str(age), NOW - age * DAY) for age in range(200)])
    file.prune()
    assert sorted(int(record.id) for record in file.load()) == list(range(91))
    file.close()


def test_the_history_that_a_kernel_reads_is_pruned_by_its_clock(open_history: Open, path: Path) -> None:
    file = HistoryFile(path, Clock())
    file.write([Record("host:1", "old", NOW - 100 * DAY), Record("host:1", "kept", NOW - 8 * DAY)])
    file.close()
    history = open_history(Clock())
    until(lambda: [record.id for record in history.records()] == ["kept"])
