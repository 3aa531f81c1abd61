"""How long the history keeps an operation, and how many; a clock that is wrong for some days drops nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ds_ops_magic.history import retention
from ds_ops_magic.history.database import HistoryFile
from ds_ops_magic.history.history import History
from ds_ops_magic.history.record import Record
from ds_ops_magic.model.operation import Operation
from tests.history.conftest import DAY, NOW, Clock
from tests.support.scripted import message

MANY = 25_000


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each reading of a whole file has brought."""
    found: list[int] = []
    load = HistoryFile.load

    def counting(file: HistoryFile) -> list[Record]:
        records = load(file)
        found.append(len(records))
        return records

    monkeypatch.setattr(HistoryFile, "load", counting)
    return found


def end(name: str) -> Operation:
    return Operation.from_proto(message(name, done=True))


def test_many_running_operations(history: History, loads: list[int]) -> None:
    here = history.of("host:1")
    for start in range(0, MANY, 100):
        here.record_request([f"op{number}" for number in range(start, start + 100)])
        assert history.flush(20.0)  # so that each is a batch of its own
    assert len(history.records()) == MANY
    assert sum(loads) < 3 * MANY
    before = len(loads)
    for number in range(100):  # past the limit it goes on like that
        here.record_request([f"more{number}"])
        assert history.flush(20.0)
    assert len(loads) == before
    other = History(history.path)
    other.request_read()  # not `refresh`: after a second of waiting in vain `flush` would not wait any more
    assert other.flush(20.0)
    assert len(other.records()) == MANY + 100
    other.close()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Of so few the oldest go that have ended."""
    monkeypatch.setattr(retention, "MAX_RECORDS", 50)
    return 50


def test_memory_is_bounded_without_a_file(few: int, tmp_path: Path) -> None:
    """And what of it would have been kept is written once that can be."""
    obstacle = tmp_path / "folder"
    obstacle.write_text("a file where a folder should be")
    history = History(obstacle / "history.sqlite")
    history.auto_warn = False
    here = history.of("host:1")
    here.record_request(["running"])
    for number in range(20 * few):
        here.record_snapshot(end(f"op{number}"))
    assert not history.flush(10.0)
    assert few <= len(history.records()) <= 1.1 * few + 1
    waiting = len(history._writer._records)
    assert waiting <= 1.1 * few + 1
    obstacle.unlink()
    history.close()
    history.refresh()  # by a new thread, which tries at once
    assert history.flush(10.0)
    file = HistoryFile(history.path)
    ids = {one.id for one in file.load()}
    assert {"running", f"op{20 * few - 1}"} <= ids
    assert "op0" not in ids
    file.close()
    history.close()


def test_pruning_while_a_process_works(few: int, history: History) -> None:
    here = history.of("host:1")
    here.record_request(["running"])
    for number in range(3 * few):
        here.record_request([f"op{number}"])
        here.record_snapshot(end(f"op{number}"))
    assert history.flush(10.0)
    ids = {one.id for one in history.records()}
    assert {"running", f"op{3 * few - 1}"} <= ids
    assert "op0" not in ids
    assert len(ids) <= 1.1 * few + 1


@pytest.mark.parametrize(
    ("running", "ended", "kept"), [(3, 4, ["ended0", "ended1", "running0", "running1", "running2"]), (8, 1, None)]
)
def test_pruning_order(
    file: HistoryFile, monkeypatch: pytest.MonkeyPatch, running: int, ended: int, kept: list[str] | None
) -> None:
    now = time.time()
    still = [Record("host:1", f"running{age}", now - 9 * DAY - age, 1.0, "running") for age in range(running)]
    over = [Record("host:1", f"ended{age}", now - 8 * DAY - age, 1.0, "succeeded", True) for age in range(ended)]
    file.write([*still, *over, Record("host:1", "ancient", now - 100 * DAY)])
    monkeypatch.setattr(retention, "MAX_RECORDS", 5)
    file.prune()
    assert sorted(record.id for record in file.load()) == (kept or [record.id for record in still])


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
def test_a_wrong_clock_drops_nothing(path: Path, ahead: float) -> None:
    """However many kernels it has; and when it is right again nothing is dropped either."""
    kept = filled(path)
    for day in range(6):
        now = NOW + ahead + day * DAY
        assert used(path, now, {f"wrong{day}": now}) == kept | {f"wrong{day}"}
        kept.add(f"wrong{day}")
    missing = kept - used(path, NOW + 7 * DAY, {})
    assert missing <= {f"wrong{day}" for day in range(6)}  # of which a clock that was behind has said that they are old
    assert ahead < 0 or not missing


def test_changes_count_as_use(path: Path) -> None:
    """The service said when it has changed."""
    operation = message("op1")
    operation.modified_at.FromSeconds(int(NOW))
    behind = History(path, Clock(NOW - 10_000 * DAY))
    behind.of("host:1").record_snapshot(Operation.from_proto(operation))
    behind.close()
    filled(path)
    assert "op1" in used(path, NOW + 8 * DAY, {})
    later = NOW + 2 * retention.RETENTION
    assert "op1" in used(path, later, {"later": later})
    assert used(path, later + 8 * DAY, {}) == {"later"}


def test_the_grace_of_a_week(path: Path) -> None:
    kept = filled(path)
    back = NOW + 365 * DAY
    assert used(path, back, {"first": back}) == {*kept, "first"}
    assert used(path, back + 6 * DAY, {}) == {*kept, "first"}
    assert used(path, back + 7 * DAY, {}) == {"first"}


def test_90_days_of_steady_use(path: Path) -> None:
    file = HistoryFile(path, Clock())
    file.write([Record("host:1", str(age), NOW - age * DAY) for age in range(200)])
    file.prune()
    assert sorted(int(record.id) for record in file.load()) == list(range(91))
    file.close()
