"""A SQLite file of one's own: opened once for reading and once for writing, by several threads and processes."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.util import fork, private_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY = 10.0
"""Seconds to wait for another process that is writing."""

_APPLICATION = 0x64736F70
_VERSION = 1


class Damaged(Exception):
    """What the file holds cannot be read: it is not as it was written."""


class Database:
    """The file. Threads may share a Database, processes share the file, and a forked child may go on.

    Reading and writing have a connection each, so that nobody who reads waits for somebody who waits to write.

    Args:
        path: Absolute path of the file.
        schema: What makes its table where there is none.
        create: Make the file (mode 0600) where there is none.

    Raises:
        OSError: The file cannot be created or opened, or another user may have put it there.
        sqlite3.Error: It is no database of operations, or not of this version.
    """

    def __init__(self, path: Path, schema: str, *, create: bool) -> None:
        self.path = path
        self._reader = _Connection(path)
        self._writer = _Connection(path)
        self._refuse_foreign()
        if create:
            # SQLite gives the -wal and -shm files the mode of the database.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        try:
            with self._reader.using() as connection:
                _prepare(connection, schema)
            self._refuse_foreign()  # once more: somebody may have been quicker than this process, or than SQLite
        except BaseException:
            self.close()
            raise
        private_files.make_private(path)
        _DATABASES.add(self)

    def reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Give the connection that reads."""
        return self._reader.using()

    @contextlib.contextmanager
    def writing(self, durable: bool, patience: float | None = None) -> Iterator[sqlite3.Connection]:
        """Give the connection that writes, in a transaction that no other thread or process can come between.

        Args:
            durable: Whether it must outlive a power failure, and not only a kill of the process.
            patience: Seconds to wait for another process that is writing; None: `BUSY`; 0: for no thread either.
        """
        if patience == 0 and self._writer.lock.locked():
            raise sqlite3.OperationalError("another thread is writing")
        with self._writer.using() as connection:
            wait = BUSY if patience is None else patience
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * wait)}").close()
            # In WAL mode a commit has reached the kernel when it returns, so a killed process loses none either way.
            # FULL also waits for the disk: a third of a millisecond and up instead of 16 us, each. That is worth it
            # for the beginning and the end of real work, which must not be undone by a power failure; progress and
            # simulated courses are not worth it, and the next FULL commit takes all earlier ones along.
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with _transaction(connection, "IMMEDIATE"):
                yield connection

    def close(self) -> None:
        """Close the file; later calls raise ``sqlite3.ProgrammingError``. Closing twice is no error."""
        self._writer.close()
        self._reader.close()

    def _refuse_foreign(self) -> None:
        why = private_files.why_foreign(self.path)
        if why:
            raise PermissionError(errno.EPERM, why)

    def _leave_to_parent(self) -> None:
        self._writer.leave_to_parent()
        self._reader.leave_to_parent()


class _Connection:
    """A connection that is made when it is needed, and has one user at a time."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self._path = path
        self._opened: sqlite3.Connection | None = None
        self._closed = False

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        with self.lock:
            if self._closed:
                raise sqlite3.ProgrammingError("the database is closed")
            if self._opened is None:
                self._opened = self._open()
            yield self._opened

    def close(self) -> None:
        with self.lock:
            self._closed = True
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def leave_to_parent(self) -> None:
        # Neither used nor closed in a forked child: both can damage the file (sqlite.org/howtocorrupt.html, 2.6).
        _LEFT_TO_PARENT.append(self._opened)
        self._opened = None
        self.lock = threading.Lock()

    def _open(self) -> sqlite3.Connection:
        # mode=rw: a file that was removed is not silently made anew, empty.
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw", uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False
        )
        # Of itself sqlite3 gives for text that is none the error that it gives for a disk that is full.
        connection.text_factory = _text
        return connection


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Damaged("it holds text that is no UTF-8") from None


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    try:
        connection.execute(f"BEGIN {kind}")
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _prepare(connection: sqlite3.Connection, schema: str) -> None:
    # In a transaction, so that a process that is just making the table is seen before or after, and not amid.
    with _transaction(connection, "DEFERRED"):
        if _is_ours(connection):
            return
    _use_wal(connection)
    with _transaction(connection, "IMMEDIATE"):
        if not _is_ours(connection):  # another process may have been quicker
            connection.execute(schema)
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
    deadline = time.monotonic() + BUSY
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


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()
_LEFT_TO_PARENT: list[sqlite3.Connection | None] = []


def _after_fork() -> None:
    for database in list(_DATABASES):
        database._leave_to_parent()


fork.register(after_in_child=_after_fork)
