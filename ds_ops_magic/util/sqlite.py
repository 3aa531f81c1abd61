"""SQLite files that several processes of one user share: connections, transactions, the journal, the format, forks."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.util import fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOUNTS = Path("/proc/self/mounts")
# File systems of other machines, where the shared memory that WAL needs does not work (sqlite.org/wal.html).
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "lustre", "afs", "glusterfs", "beegfs", "gpfs", "fuse"}


class Format(NamedTuple):
    """What a file is to hold."""

    application_id: int
    version: int
    schema: str  # the statement that makes its tables


class Header(NamedTuple):
    """What a file says it holds."""

    application_id: int  # 0 in an empty file
    version: int
    tables: int  # how many there are, with indexes and the like


class Connection:
    """A connection to a file, opened when it is first used, which one thread uses at a time.

    A forked child leaves an open one to its parent, and opens its own. The file is not made here: one that was removed
    does not come back empty. `timeout` is for another process that is writing; `decode` makes text of a column's bytes.
    """

    def __init__(self, path: Path, timeout: float, decode: Callable[[bytes], str]) -> None:
        self._path = path
        self._timeout = timeout
        self._decode = decode
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._closed = False
        fork.register(after_in_child=self._leave_to_parent)

    @property
    def is_in_use(self) -> bool:
        return self._lock.locked()

    @contextlib.contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to this thread alone.

        Raises:
            sqlite3.ProgrammingError: It was closed.
            sqlite3.OperationalError: It cannot be opened.
        """
        with self._lock:
            if self._closed:
                raise sqlite3.ProgrammingError("the database is closed")
            if self._opened is None:
                self._opened = sqlite3.connect(
                    f"{self._path.as_uri()}?mode=rw",
                    uri=True,
                    timeout=self._timeout,
                    isolation_level=None,
                    check_same_thread=False,
                )
                self._opened.text_factory = self._decode
            yield self._opened

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _leave_to_parent(self) -> None:
        # Neither used nor closed in a forked child: both can damage the file (sqlite.org/howtocorrupt.html, 2.6).
        _left_to_parent.append(self._opened)
        self._opened = None
        self._lock = threading.Lock()


_left_to_parent: list[sqlite3.Connection | None] = []


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """Commit what the block does, or undo all of it; `kind` is ``DEFERRED`` to read, ``IMMEDIATE`` to write."""
    try:
        connection.execute(f"BEGIN {kind}")
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def create_file(path: Path, flags: int = 0) -> None:
    """Make an empty file for its owner alone; SQLite gives the -wal and -shm files the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | flags, 0o600))


def prepare(
    connection: sqlite3.Connection, path: Path, made: Format, check: Callable[[Header], bool], timeout: float
) -> None:
    """Make the tables in an empty file, in WAL mode where that works.

    Whether a file has its tables `check` tells by its header; it raises where it is none of these files.

    Raises:
        sqlite3.Error: The file is damaged or no database, or another process does not let go of it.
    """
    # In a transaction, so that a process that is just making the tables is seen before or after, and not amid.
    with transaction(connection, "DEFERRED"):
        if check(_header(connection)):
            return
    _use_wal(connection, path, timeout)
    with transaction(connection, "IMMEDIATE"):
        if not check(_header(connection)):  # another process may have been quicker
            connection.execute(made.schema)
            connection.execute(f"PRAGMA application_id = {made.application_id}")
            connection.execute(f"PRAGMA user_version = {made.version}")


def _header(connection: sqlite3.Connection) -> Header:
    questions = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    return Header(*(connection.execute(question).fetchall()[0][0] for question in questions))


def _use_wal(connection: sqlite3.Connection, path: Path, timeout: float) -> None:
    # In WAL mode processes that read and write do not wait for each other.
    if is_remote(path):
        return
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                # This one statement does not wait for another process by itself.
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)
                continue
        return


def is_remote(path: Path) -> bool:
    """Tell whether a file is on a file system of another machine, as far as the system says (Linux)."""
    try:
        mounts = _MOUNTS.read_text(errors="replace")
    except OSError:
        return False
    real = Path(os.path.realpath(path))
    longest, kind = -1, ""
    for fields in map(str.split, mounts.splitlines()):
        folder = Path(fields[1].replace("\\040", " "))
        if len(folder.parts) >= longest and real.is_relative_to(folder):
            longest, kind = len(folder.parts), fields[2]
    return kind.partition(".")[0] in _REMOTE
