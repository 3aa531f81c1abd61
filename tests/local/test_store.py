"""The store: real files, several connections and several processes."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest

from ds_ops_magic.local.store import Row, Store
from tests.support.local_service import proceed, script


def row(operation_id="loc1", **fields):
    known = {"description": "d", "created_at": 5, "created_by": "me", "modified_at": 5}
    return Row(operation_id, **{**known, **fields})


def test_every_column(store):
    full = row(
        done=True,
        metadata=b"\x00m",
        error=b"e",
        response=b"",
        owner="o",
        started=True,
        cancel_requested=2**62,
        simulation="{}",
        description="две строки\n\x00",
    )
    store.insert(full, durable=True)
    store.insert(row("loc2"), durable=False)
    assert store.read("loc1") == full
    assert store.read("loc2") == row("loc2")
    assert store.read("loc3") is None


def test_order_of_rows(store):
    for number in (3, 1, 2):
        store.insert(row(f"loc{number}", created_at=7), durable=False)
    assert [found.id for found in store.rows()] == ["loc2", "loc1", "loc3"]


def test_update_without_a_change(store):
    store.insert(row(), durable=False)
    assert store.update("loc1", lambda found: None) == row()
    assert store.update("loc9", lambda found: pytest.fail("there is no such row")) is None


_BUMP = """
import sys
from pathlib import Path
from ds_ops_magic.local.store import Row, Store
print("ready", flush=True)
sys.stdin.readline()
store = Store(Path(sys.argv[1]))
try:
    store.insert(Row("loc1", "", 0, "", 0), durable=False)
except Exception as error:
    assert type(error).__name__ == "IntegrityError", error
for _ in range(100):
    store.update("loc1", lambda row: row._replace(modified_at=row.modified_at + 1), durable=True)
print("done")
"""


def test_processes_that_create_a_file_together(path):
    with script(_BUMP, path) as one, script(_BUMP, path) as two, script(_BUMP, path) as three:
        together = (one, two, three)
        assert [process.stdout.readline() for process in together] == ["ready\n"] * 3
        for process in together:
            proceed(process)
        assert [process.stdout.readline() for process in together] == ["done\n"] * 3
    with closing(Store(path)) as store:
        assert store.read("loc1").modified_at == 300


def test_new_file_that_another_process_has_locked(path):
    path.touch()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # what SQLite itself does not wait for, when it is to turn on WAL
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Store, path)
        assert not wait([opening], timeout=0.1).done
        other.execute("COMMIT")
        opening.result(20).close()
    other.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_file_format(store, path):
    with closing(sqlite3.connect(path)) as other:
        columns = [name for _, name, *_ in other.execute("PRAGMA table_info(operation)")]
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
    # Whoever changes these changes the version too, and makes files of the version before openable.
    assert columns == [
        *("id", "description", "created_at", "created_by", "modified_at", "done", "metadata", "error", "response"),
        *("owner", "started", "cancel_requested", "course", "number"),
    ]


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        ("CREATE TABLE mine (x)", "something else"),
        ("PRAGMA application_id = 7", "something else"),
        (f"PRAGMA application_id = {0x64736F70}; PRAGMA user_version = 7", "version 7"),
    ],
)
def test_other_databases_are_not_changed(path, statements, why):
    with closing(sqlite3.connect(path)) as other:
        other.executescript(statements)
    before = path.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match=why):
        Store(path)
    assert path.read_bytes() == before


def test_other_files_are_not_changed(path):
    path.write_bytes(b"x" * 5000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        Store(path)
    assert path.read_bytes() == b"x" * 5000
