"""The file of the history: which journal it has, what it refuses, what it drops."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ds_ops_magic.history.database import HistoryFile, Unusable
from ds_ops_magic.history.record import Record
from ds_ops_magic.util import sqlite

THESIS = "CREATE TABLE thesis (words)"


@pytest.mark.parametrize(("remote", "journal"), [(False, "wal"), (True, "delete")])
def test_either_journal_is_shared(path: Path, monkeypatch: pytest.MonkeyPatch, remote: bool, journal: str) -> None:
    monkeypatch.setattr(sqlite, "is_remote", lambda _: remote)
    first, second = HistoryFile(path), HistoryFile(path)
    first.write([Record("host:1", "a", time.time())])
    first.load()
    second.write([Record("host:1", "b", time.time())])
    assert first.has_changed()
    assert [record.id for record in first.load()] == ["a", "b"]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (journal,)
    first.close()
    second.close()


def test_round_trip(file: HistoryFile) -> None:
    whole = Record("host:1", "a", 1e9, 2e9, "failed", True, "INTERNAL", "kind", "it\0s \N{SNOWMAN}", 1.5, 2.5)
    file.write([whole, Record("", "b", 2e9)])
    assert file.load() == [whole, Record("", "b", 2e9)]


def seen(state: str, changed_at: float | None = None, *, used_at: float = 1.0, seen_at: float = 1.0) -> Record:
    done = state in ("succeeded", "failed")
    return Record("host:1", "a", used_at, seen_at, state, done, changed_at=changed_at)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (seen("running", 10.0), seen("failing", 20.0), "failing"),
        (seen("running", 20.0), seen("failing", 10.0), "running"),
        (seen("running", 10.0), seen("failing", 10.0), "failing"),
        (seen("running", 10.0, seen_at=9e9), seen("failing", 20.0), "failing"),  # a clock was ahead
        (seen("running", 10.0, seen_at=9e9), seen("succeeded", 20.0), "succeeded"),
        (seen("running", 20.0), seen("succeeded", 10.0), "succeeded"),
        (seen("succeeded", 10.0), seen("running", 20.0), "succeeded"),
        (seen("succeeded", 10.0), seen("running"), "succeeded"),
        (seen("succeeded", 10.0), seen("failed", 20.0), "failed"),
        (seen("succeeded", 20.0), seen("failed", 10.0), "succeeded"),
        # Where the service does not say when it has changed, what was recorded last counts.
        (seen("running"), seen("failing"), "failing"),
        (seen("running", seen_at=9e9), seen("failing"), "failing"),
        (seen("running", 10.0), seen("failing"), "failing"),
        (seen("running"), seen("failing", 10.0), "failing"),
        (seen(""), seen("running", 10.0), "running"),
    ],
)
def test_which_of_two_snapshots_counts(file: HistoryFile, first: Record, second: Record, kept: str) -> None:
    assert second.supersedes(first) is (kept == second.state)
    file.write([first])
    file.write([second])
    assert [record.state for record in file.load()] == [kept]
    file.write([seen("", 0.0)._replace(seen_at=0.0)])  # that it is asked about changes nothing of how it stands
    assert [record.state for record in file.load()] == [kept]


def test_the_last_use_counts(file: HistoryFile) -> None:
    for used_at in (1.0, 5.0, 3.0):
        file.write([seen("running", used_at=used_at)])
    assert [record.used_at for record in file.load()] == [5.0]


def test_only_ids_never_seen_are_dropped(file: HistoryFile) -> None:
    file.write([Record("host:1", "typo", 1.0), Record("host:1", "seen", 1.0, 1.0, "running")])
    file.write([], [("host:1", "typo"), ("host:1", "seen"), ("host:1", "nowhere")])
    assert [record.id for record in file.load()] == ["seen"]


def executed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(";".join(statements))
    connection.close()


def a_history_with(path: Path, statement: str) -> None:
    HistoryFile(path).close()
    executed(path, statement)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "it is a folder"),
        (os.mkfifo, "it is no regular file"),
        (lambda path: path.write_text("my thesis, in plain text\n" * 100), "it is damaged, or no history"),
        (lambda path: path.write_text("x"), "it is damaged, or no history"),
        (lambda path: executed(path, THESIS), "it is the database of something else"),
        (
            lambda path: executed(path, "PRAGMA application_id = 5", "PRAGMA journal_mode = WAL", THESIS),
            "it is the database of something else",
        ),
        (lambda path: a_history_with(path, "PRAGMA application_id = 5"), "it is the database of something else"),
        (lambda path: a_history_with(path, "PRAGMA user_version = 99"), "a newer ds_ops_magic has written it"),
    ],
)
def test_other_files_are_left_alone(make: Callable[[Path], object], why: str, path: Path) -> None:
    make(path)
    path.chmod(0o755)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(Unusable, match=f"^{why}$"):
        HistoryFile(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("is_empty", [True, False])
def test_the_file_is_made_private(path: Path, is_empty: bool) -> None:
    """An empty one may be that of a kernel which was killed as it made it."""
    if is_empty:
        path.touch()
    else:
        HistoryFile(path).close()
    path.chmod(0o644)
    opened = HistoryFile(path)
    opened.write([Record("host:1", "a", time.time())])
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    opened.close()


def test_opening_a_new_file_at_once(tmp_path: Path) -> None:
    together, troubles = threading.Barrier(3), list[Exception]()

    def open_each(number: int) -> None:
        for round_ in range(60):
            together.wait(30)
            try:
                opened = HistoryFile(tmp_path / f"{round_}.sqlite")
                opened.write([Record("here", f"of {number}", time.time())])
                opened.close()
            except Exception as error:
                troubles.append(error)

    threads = [threading.Thread(target=open_each, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
