"""Where operations are kept: a SQLite file that several threads and processes share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_BUSY = 10.0
"""Seconds to wait for another process that is writing."""

_APPLICATION = 0x64736F70
_VERSION = 1
_SCHEMA = """
CREATE TABLE operation (
    id TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    modified_at INTEGER NOT NULL,
    done INTEGER NOT NULL,
    metadata BLOB NOT NULL,
    error BLOB,
    response BLOB,
    owner TEXT,
    started INTEGER NOT NULL,
    cancel_requested INTEGER,
    course TEXT,
    number INTEGER PRIMARY KEY
)
"""


class Row(NamedTuple):
    """An operation as it is kept.

    Attributes:
        id: What the service calls it.
        description: 0 to 256 characters.
        created_at: Nanoseconds since the epoch, as all times here.
        created_by: Name of the user of the operating system.
        modified_at: When it last changed.
        done: Whether it is over; such a row never changes again.
        metadata: Serialized ``google.protobuf.Any``.
        error: Serialized ``google.rpc.Status``.
        response: Serialized ``google.protobuf.Any``.
        owner: The process that has the work, None where there is none (`owners`).
        started: Whether the work has begun.
        cancel_requested: When a cancel was first asked for.
        course: JSON of a simulated course, None for real work.
    """

    id: str
    description: str
    created_at: int
    created_by: str
    modified_at: int
    done: bool = False
    metadata: bytes = b""
    error: bytes | None = None
    response: bytes | None = None
    owner: str | None = None
    started: bool = False
    cancel_requested: int | None = None
    course: str | None = None


_COLUMNS = ", ".join(Row._fields)
_VALUES = ", ".join("?" * len(Row._fields))
# Only names of columns are put into these; values are always bound.
_INSERT = f"INSERT INTO operation ({_COLUMNS}) VALUES ({_VALUES})"  # noqa: S608
_UPDATE = f"UPDATE operation SET ({_COLUMNS}) = ({_VALUES}) WHERE id = ?"  # noqa: S608
_FIND = f"SELECT {_COLUMNS} FROM operation WHERE id = ?"  # noqa: S608
_LIST = f"SELECT {_COLUMNS} FROM operation ORDER BY number DESC"  # noqa: S608
# What is older than a time, or not among so many of the newest; -1: all are.
_OLD = "({time} < ? OR ? >= 0 AND number <= (SELECT number FROM operation ORDER BY number DESC LIMIT 1 OFFSET ?))"
_GOING = f"SELECT {_COLUMNS} FROM operation WHERE NOT done AND {_OLD.format(time='created_at')}"  # noqa: S608
_PRUNE = f"DELETE FROM operation WHERE done AND {_OLD.format(time='modified_at')}"  # noqa: S608


class Store:
    """The file of operations. Threads may share a Store, processes share the file, and a forked child may go on.

    Args:
        path: Absolute path of the file.
        create: Make the file (mode 0600) where there is none.

    Raises:
        OSError: The file cannot be created or opened.
        sqlite3.Error: It is no database of operations, or not of this version.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        if create:
            # SQLite gives the -wal and -shm files the mode of the database.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with self._using() as connection:
            _prepare(connection)
        _STORES.add(self)

    def insert(self, row: Row, *, durable: bool) -> None:
        """Add an operation; ``durable`` as in `update`."""
        with self._writing(durable) as connection:
            connection.execute(_INSERT, row)

    def delete(self, operation_id: str) -> None:
        """Remove an operation nobody has heard of yet."""
        with self._writing(durable=False) as connection:
            connection.execute("DELETE FROM operation WHERE id = ?", (operation_id,))

    def update(self, operation_id: str, change: Callable[[Row], Row | None], *, durable: bool = False) -> Row | None:
        """Read a row and change it in one transaction, which no other thread or process can come between.

        Args:
            operation_id: Which one.
            change: Gets the row and returns it changed, or None to leave it; what it raises undoes everything.
            durable: Whether it must outlive a power failure, and not only a kill of the process.

        Returns:
            The row as it is now, None where there is none.
        """
        with self._writing(durable) as connection:
            row = _find(connection, operation_id)
            changed = None if row is None else change(row)
            if changed is None:
                return row
            connection.execute(_UPDATE, (*changed, operation_id))
            return changed

    def read(self, operation_id: str) -> Row | None:
        """Return one row, None where there is none."""
        with self._using() as connection:
            return _find(connection, operation_id)

    def rows(self) -> list[Row]:
        """Return every row, the newest first."""
        with self._using() as connection:
            return [Row._make(found) for found in connection.execute(_LIST).fetchall()]

    def going(self, created_before: int, newest: int) -> list[Row]:
        """Return the rows not known to be over that are older than a time, or not among so many newest (-1: all)."""
        with self._using() as connection:
            return [Row._make(found) for found in connection.execute(_GOING, (created_before, newest, max(0, newest)))]

    def prune(self, ended_before: int, newest: int) -> None:
        """Remove the rows that are over and older than a time, or not among so many newest (-1: all are)."""
        with self._writing(durable=False) as connection:
            connection.execute(_PRUNE, (ended_before, newest, max(0, newest)))

    def close(self) -> None:
        """Close the connection; later calls raise ``sqlite3.ProgrammingError``. Closing twice is no error."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise sqlite3.ProgrammingError("the database is closed")
            if self._connection is None:
                # mode=rw: a file that was removed is not silently made anew, empty.
                self._connection = sqlite3.connect(
                    f"{self.path.as_uri()}?mode=rw",
                    uri=True,
                    timeout=_BUSY,
                    isolation_level=None,
                    check_same_thread=False,
                )
            yield self._connection

    @contextlib.contextmanager
    def _writing(self, durable: bool) -> Iterator[sqlite3.Connection]:
        with self._using() as connection:
            # In WAL mode a commit has reached the kernel when it returns, so a killed process loses none either way.
            # FULL also waits for the disk: a third of a millisecond and up instead of 16 us, each. That is worth it
            # for the beginning and the end of real work, which must not be undone by a power failure; progress and
            # simulated courses are not worth it, and the next FULL commit takes all earlier ones along.
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with _transaction(connection, "IMMEDIATE"):
                yield connection

    def _leave_to_parent(self) -> None:
        # Neither used nor closed in a forked child: both can damage the file (sqlite.org/howtocorrupt.html, 2.6).
        _LEFT_TO_PARENT.append(self._connection)
        self._connection = None
        self._lock = threading.Lock()


def _find(connection: sqlite3.Connection, operation_id: str) -> Row | None:
    found = connection.execute(_FIND, (operation_id,)).fetchall()
    return Row._make(found[0]) if found else None


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    try:
        connection.execute(f"BEGIN {kind}")
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _prepare(connection: sqlite3.Connection) -> None:
    # In a transaction, so that a process that is just making the table is seen before or after, and not amid.
    with _transaction(connection, "DEFERRED"):
        if _is_ours(connection):
            return
    _use_wal(connection)
    with _transaction(connection, "IMMEDIATE"):
        if not _is_ours(connection):  # another process may have been quicker
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Tell a file of operations from an empty one; anything else raises."""
    application, version, tables = (
        connection.execute(question).fetchall()[0][0]
        for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if application == _APPLICATION and version == _VERSION:
        return True
    if application == _APPLICATION:
        raise sqlite3.DatabaseError(f"it is of version {version}, and this is version {_VERSION}")
    if application or tables:
        raise sqlite3.DatabaseError("it is the database of something else")
    return False


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn on WAL, where readers and a writer do not wait for each other; stay without it where it cannot work."""
    deadline = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # This one statement does not wait for another process by itself.
            if "locked" in str(error) and time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            if "locked" in str(error):
                raise
        return


_STORES: weakref.WeakSet[Store] = weakref.WeakSet()
_LEFT_TO_PARENT: list[sqlite3.Connection | None] = []


def _after_fork() -> None:
    for store in list(_STORES):
        store._leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)
