"""SQLite files of this user: which journal they have, one thread at a time, transactions, and what a fork leaves."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ds_ops_magic.util.sqlite import Connection, Format, Header, create_file, is_remote, prepare, transaction
from tests.support.following import DEADLINE, python

FORMAT = Format(7, 3, "CREATE TABLE thing (name TEXT)")
MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
home:/users /home nfs4 rw 0 0
disk /home/me/a\\040disk xfs rw 0 0
bucket /mnt/bucket fuse.geesefs rw 0 0
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a file? of #1.sqlite"
    create_file(made)
    return made


@pytest.fixture
def connection(path: Path) -> Iterator[Connection]:
    made = Connection(path, 0.1, bytes.decode)
    yield made
    made.close()


def has_tables(header: Header) -> bool:
    return header.application_id == FORMAT.application_id


def test_the_tables_are_made_once(path: Path, connection: Connection) -> None:
    headers: list[Header] = []

    def check(header: Header) -> bool:
        headers.append(header)
        return has_tables(header)

    with connection.use() as opened:
        for _ in range(2):
            prepare(opened, path, FORMAT, check, 0.1)
    assert headers == [Header(0, 0, 0), Header(0, 0, 0), Header(7, 3, 1)]


def test_a_file_that_stays_locked(path: Path, connection: Connection) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with connection.use() as opened, pytest.raises(sqlite3.OperationalError, match="locked"):
        prepare(opened, path, FORMAT, has_tables, 0.1)
    other.close()
    with connection.use() as opened:
        prepare(opened, path, FORMAT, has_tables, 0.1)


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("/var/lib/x.sqlite", False),
        ("/home/me/.ipython/x.sqlite", True),
        ("/home/me/a disk/x.sqlite", False),
        ("/mnt/bucket/x.sqlite", True),
        ("/mnt/bucketful/x.sqlite", False),
    ],
)
def test_remote_file_systems(path: str, remote: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.util.sqlite._MOUNTS", tmp_path / "mounts")
    assert is_remote(Path(path)) is False
    (tmp_path / "mounts").write_text("")
    assert is_remote(Path(path)) is False
    (tmp_path / "mounts").write_text(MOUNTS)
    assert is_remote(Path(path)) is remote


def write_and_raise(opened: sqlite3.Connection) -> None:
    with transaction(opened, "IMMEDIATE"):
        opened.execute("INSERT INTO thing VALUES ('undone')")
        raise KeyboardInterrupt


def test_a_transaction_is_all_or_nothing(path: Path, connection: Connection) -> None:
    with connection.use() as opened:
        prepare(opened, path, FORMAT, has_tables, 0.1)
        with transaction(opened, "IMMEDIATE"):
            opened.execute("INSERT INTO thing VALUES ('kept')")
        with pytest.raises(KeyboardInterrupt):
            write_and_raise(opened)
        assert opened.execute("SELECT name FROM thing").fetchall() == [("kept",)]


def test_one_thread_uses_it_at_a_time(connection: Connection) -> None:
    used = threading.Event()

    def use() -> None:
        with connection.use():
            used.set()

    assert not connection.is_in_use
    with connection.use():
        assert connection.is_in_use
        thread = threading.Thread(target=use)
        thread.start()
        assert not used.wait(0.05)
    assert used.wait(DEADLINE)
    thread.join()


def test_a_file_that_was_removed_does_not_come_back(path: Path, connection: Connection) -> None:
    path.unlink()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"), connection.use():
        pass
    assert list(path.parent.iterdir()) == []


def test_after_closing_it_is_of_no_use(connection: Connection) -> None:
    with connection.use():
        pass
    connection.close()
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"), connection.use():
        pass


FORKED = """
import os, sys
from pathlib import Path
from ds_ops_magic.util import sqlite
connection = sqlite.Connection(Path(sys.argv[1]), 1.0, bytes.decode)
with connection.use() as opened:
    parents = id(opened)
    opened.execute("CREATE TABLE thing (name TEXT)")
    sqlite._left_to_parent.clear()
    pid = os.fork()  # with its lock held
    if not pid:
        with connection.use() as own:
            assert id(own) != parents and [id(left) for left in sqlite._left_to_parent] == [parents]
            own.execute("INSERT INTO thing VALUES ('of the child')")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0 and not sqlite._left_to_parent
    print(opened.execute("SELECT name FROM thing").fetchall())
"""


def test_a_forked_child_opens_its_own(path: Path) -> None:
    with python(FORKED, path) as process:
        out, err = process.communicate(timeout=20)
    assert (out, err) == ("[('of the child',)]\n", "")
