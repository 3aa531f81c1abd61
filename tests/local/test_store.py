"""The store: real files, several connections and several processes."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from ds_ops_magic.local.store import Row, Store
from ds_ops_magic.util import sqlite
from tests.support.local_service import in_child, script


def row(operation_id="loc1", **fields):
    known = {"description": "d", "created_at": 5, "created_by": "me", "modified_at": 5}
    return Row(operation_id, **{**known, **fields})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ops.sqlite"


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()


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


def test_an_id_is_given_once(store):
    store.insert(row(), durable=False)
    with pytest.raises(sqlite3.IntegrityError):
        store.insert(row(), durable=False)
    store.delete("loc1")
    store.insert(row(), durable=False)


def test_the_files_are_the_users_alone(store, path):
    before = os.umask(0)
    try:
        other = path.with_name("other.sqlite")
        opened = Store(other)
        opened.insert(row(), durable=True)
    finally:
        os.umask(before)
    files = [found for found in path.parent.iterdir() if found.name.startswith("other")]
    assert len(files) == 3, "the database, its log, and their index"
    assert {stat.S_IMODE(found.stat().st_mode) for found in files} == {0o600}
    opened.close()


def test_a_change_that_raises_undoes_itself_and_lets_others_in(store, path):
    store.insert(row(), durable=False)

    def fails(found):
        raise KeyError(found.id)

    with pytest.raises(KeyError):
        store.update("loc1", fails)
    other = Store(path)
    other.update("loc1", lambda found: found._replace(description="other"))
    assert store.read("loc1").description == "other"
    other.close()


def test_what_is_left_alone_is_returned_as_it_is(store):
    store.insert(row(), durable=False)
    assert store.update("loc1", lambda found: None) == row()
    assert store.update("loc9", lambda found: pytest.fail("there is no such row")) is None


def test_threads_do_not_lose_each_others_changes(store):
    store.insert(row(modified_at=0), durable=False)

    def bump():
        for _ in range(50):
            store.update("loc1", lambda found: found._replace(modified_at=found.modified_at + 1))

    threads = [threading.Thread(target=bump) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read("loc1").modified_at == 200


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


def test_where_wal_cannot_work_the_file_is_shared_without_it(path, monkeypatch):
    monkeypatch.setattr(sqlite, "is_remote", lambda _path: True)
    one, other = Store(path), Store(path)
    one.insert(row(), durable=False)
    assert other.read("loc1") == row()
    other.update("loc1", lambda found: found._replace(description="other"))
    assert one.read("loc1").description == "other"
    one.close()
    other.close()
    assert list(path.parent.iterdir()) == [path]


def test_a_forked_child_goes_on_with_a_connection_of_its_own(store):
    store.insert(row(), durable=False)

    def change():
        changed = store.update("loc1", lambda found: found._replace(description="child"))
        store.close()
        return changed.description == "child"

    assert in_child(change) == 0
    assert store.read("loc1").description == "child"
    store.update("loc1", lambda found: found._replace(description="parent"))
    assert store.read("loc1").description == "parent"


def test_a_child_may_be_forked_while_the_store_is_busy(store):
    store.insert(row(), durable=False)
    codes = []

    def fork_amid(found):
        codes.append(in_child(lambda: store.read("loc1") == row()))
        return found._replace(description="after")

    store.update("loc1", fork_amid)
    assert codes == [0]
    assert store.read("loc1").description == "after"


def test_a_closed_store_says_so(path):
    store = Store(path)
    store.close()
    store.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store.read("loc1")


def test_a_file_that_must_exist_is_not_made(path):
    with pytest.raises(sqlite3.OperationalError):
        Store(path, create=False)
    assert not path.exists()


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
