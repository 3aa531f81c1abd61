"""Rows that are no records, in any column and of any kind: they are left out, and everything else goes on."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from ds_ops_magic.history.database import HistoryFile
from ds_ops_magic.history.history import History
from ds_ops_magic.history.record import Record
from tests.history.conftest import KIND, kept

NOW = time.time()
GOOD = [Record("host:1", f"good{n}", NOW, NOW, "succeeded", True, "", KIND, "Train", NOW - 60.0, NOW) for n in range(3)]
BAD = Record("host:1", "bad", NOW, NOW, "running", False, "", KIND, "Train", NOW - 60.0, NOW)
TEXTS = ("endpoint", "id", "state", "error", "kind", "description")
TIMES = ("used_at", "seen_at", "created_at", "changed_at")
LOOSE = [  # what a table without types and NOT NULL keeps
    *((column, value) for column in TEXTS for value in (None, 5, 1.5)),
    *((column, None) for column in ("used_at", "seen_at", "done")),
    *((column, "5") for column in (*TIMES, "done")),
]
STRICT = [  # what SQLite keeps even in a table of ours
    *((column, value) for column in TEXTS for value in (b"bytes", b"\xff\xfe")),
    *((column, value) for column in TIMES for value in ("a time", "", b"bytes", 1e300, -1e300, float("inf"), 2**62)),
    *(("done", value) for value in ("no", b"\x01", 7, -1, 0.5)),
    ("id", ""),
]


def make(path: Path, *, loose: bool = True) -> None:
    """Make a history that holds the good records."""
    file = HistoryFile(path)
    if loose:
        run(path, "DROP TABLE operation")
        run(path, f"CREATE TABLE operation ({', '.join(Record._fields)}, PRIMARY KEY (endpoint, id))")
    file.write(GOOD)
    file.close()


def damage(path: Path, column: str, value: Any, name: str = "bad") -> None:
    """Add a row of which one column is damaged."""
    row = {**BAD._asdict(), "id": name, column: value}
    run(path, f"INSERT INTO operation VALUES ({', '.join(f':{field}' for field in row)})", row)  # noqa: S608


def run(path: Path, statement: str, values: Any = ()) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


@pytest.fixture
def history(path: Path, history: History) -> History:
    """A history that has been read, before anything in its file is damaged."""
    make(path)
    history.refresh()
    return history


def check(history: History) -> None:
    """See that the good records are there, whatever asks for them, and nothing else."""
    assert history.flush(10.0)
    assert history.take_warning() == ""
    assert sorted(history.records()) == GOOD
    for good in GOOD:
        assert history.find("host:1", good.id) == good
        assert history.endpoints_of(good.id) == ("host:1",)
    assert history.find("host:1", "bad") is None
    assert history.endpoints_of("bad") == ()
    assert history.of("host:1").durations[KIND].seconds == pytest.approx((60.0, 60.0, 60.0))


@pytest.mark.parametrize(("column", "value"), [*LOOSE, *STRICT])
def test_damaged_rows_are_left_out(history: History, path: Path, column: str, value: Any) -> None:
    damage(path, column, value)
    history.refresh()
    check(history)


@pytest.mark.parametrize("loose", [True, False])
def test_damaged_rows_are_deleted_on_opening(path: Path, loose: bool) -> None:
    make(path, loose=loose)
    for number, (column, value) in enumerate([*LOOSE, *STRICT] if loose else STRICT):
        damage(path, column, value, f"bad{number}")
    history = History(path)
    history.refresh()
    check(history)
    history.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM operation").fetchone() == (len(GOOD),)
    connection.close()


def test_a_damaged_row_can_be_written_again(path: Path) -> None:
    make(path)
    damage(path, "used_at", None)
    history = History(path)
    history.of("host:1").record_request(["bad"])
    assert history.flush(10.0)
    assert kept(path).keys() == {"bad", *(good.id for good in GOOD)}
    history.close()


def test_invalid_utf_8_is_shown(history: History, path: Path) -> None:
    run(path, "UPDATE operation SET description = CAST(x'61fffe62' AS TEXT) WHERE id = 'good0'")
    history.refresh()
    assert history.flush(10.0)
    (record,) = (record for record in history.records() if record.id == "good0")
    assert record.description == "a\ufffd\ufffdb"
    assert len(history.records()) == len(GOOD)


def test_list_with_damaged_rows(shell: Any) -> None:
    path = Path(os.environ["DS_OPS_MAGIC_HISTORY"])
    make(path)
    for number, (column, value) in enumerate([*LOOSE, *STRICT]):
        damage(path, column, value, f"bad{number}")
    listed = shell.run_line_magic("op", "list --all")
    shown = shell.display_formatter.format(listed)[0]
    assert sorted(listed) == GOOD
    assert shown["text/html"].count("<code>") == len(GOOD)
    assert shown["text/plain"].count("✓ succeeded  Train · good") == len(GOOD)
    assert "bad" not in shown["text/html"] + shown["text/plain"]
    with provisionalcompleter():
        completions = [found.text for found in shell.Completer.completions("%op get ", 8)]
    assert set(completions) >= {good.id for good in GOOD}
    assert "bad" not in " ".join(completions)
