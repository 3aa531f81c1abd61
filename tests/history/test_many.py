"""A history of many operations: what runs is kept, what has ended is bounded, and telling it stays linear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ds_ops_magic.history import retention
from ds_ops_magic.history.database import HistoryFile
from ds_ops_magic.history.history import History
from ds_ops_magic.history.record import Record
from ds_ops_magic.model.operation import Operation
from tests.support.scripted import message

MANY = 25_000


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "history.sqlite")
    yield made
    made.close()


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


def test_all_that_runs_is_kept_and_telling_it_is_linear(history: History, loads: list[int]) -> None:
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
    other.refresh()
    assert other.flush(20.0)
    assert len(other.records()) == MANY + 100
    other.close()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Of so few the oldest go that have ended."""
    monkeypatch.setattr(retention, "MAX_RECORDS", 50)
    return 50


def test_a_file_that_cannot_be_used_does_not_fill_the_memory(few: int, tmp_path: Path) -> None:
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


def test_the_oldest_that_have_ended_go_while_a_kernel_works(few: int, history: History) -> None:
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
