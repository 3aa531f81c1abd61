"""The store: real files, several connections and several processes."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from ds_ops_magic.local.store import Row, Store
from tests.support.local_service import script


def row(operation_id="loc1", **fields):
    known = {"description": "d", "created_at": 5, "created_by": "me", "modified_at": 5}
    return Row(operation_id, **{**known, **fields})


def test_a_row_comes_back_as_it_went(store):
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


def test_the_newest_come_first(store):
    for number in (3, 1, 2):
        store.insert(row(f"loc{number}", created_at=7), durable=False)
    assert [found.id for found in store.rows()] == ["loc2", "loc1", "loc3"]


def test_what_is_left_alone_is_returned_as_it_is(store):
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


def test_processes_that_begin_together_share_one_file(path):
    with script(_BUMP, path) as one, script(_BUMP, path) as two, script(_BUMP, path) as three:
        together = (one, two, three)
        assert [process.stdout.readline() for process in together] == ["ready\n"] * 3
        for process in together:
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.stdout.readline() for process in together] == ["done\n"] * 3
    store = Store(path)
    assert store.read("loc1").modified_at == 300
    store.close()


def test_who_comes_while_another_process_writes_to_the_new_file_waits(path):
    path.touch()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # what SQLite itself does not wait for, when it is to turn on WAL
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Store, path)
        assert not wait([opening], timeout=0.1).done
        other.execute("COMMIT")
        opening.result(20).close()
    other.close()
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    other.close()


def test_the_database_of_something_else_is_left_alone(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(sqlite3.DatabaseError, match="something else"):
        Store(path)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
    other.close()


def test_the_columns_of_a_file(store, path):
    with sqlite3.connect(path) as other:
        columns = [name for _, name, *_ in other.execute("PRAGMA table_info(operation)")]
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
    other.close()
    # Whoever changes these changes the version too, and makes files of the version before openable.
    assert columns == [
        *("id", "description", "created_at", "created_by", "modified_at", "done", "metadata", "error", "response"),
        *("owner", "started", "cancel_requested", "course", "number"),
    ]


def test_a_file_of_another_version_is_left_alone(store, path):
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 7")
    other.close()
    with pytest.raises(sqlite3.DatabaseError, match="version 7"):
        Store(path)


def test_a_file_that_is_no_database_is_left_alone(path):
    path.write_bytes(b"x" * 5000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        Store(path)
    assert path.read_bytes() == b"x" * 5000
