"""The file of the history: SQLite, which many kernels share, and which one thread of each process uses."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ops_magic.history.record import FIRST_MOMENT, LAST_MOMENT, MOST, OLDEST, Record
from ds_ops_magic.util.private_files import make_private, why_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BUSY = 5.0
"""Seconds to wait for another kernel that is writing."""
_WEEK = 7 * 86400.0
_DAMAGED = "it is damaged, or no history"
_APPLICATION = 0x64736F68
_VERSION = 1
_SCHEMA = """
CREATE TABLE operation (
    endpoint TEXT NOT NULL,
    id TEXT NOT NULL,
    used_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    state TEXT NOT NULL,
    done INTEGER NOT NULL,
    error TEXT NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at REAL,
    changed_at REAL,
    PRIMARY KEY (endpoint, id)
)
"""
# File systems of other machines, where the shared memory that WAL needs does not work (sqlite.org/wal.html).
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "lustre", "afs", "glusterfs", "beegfs", "gpfs", "fuse"}

_COLUMNS = ", ".join(Record._fields)
_VALUES = ", ".join(f":{name}" for name in Record._fields)
_SEEN = ", ".join(f"{name} = :{name}" for name in Record._fields[3:])
# A table of somebody else's may hold anything, and SQLite keeps in a column what does not fit its type. What is neither
# text nor a moment of the calendar where it should be is no record. (To BETWEEN text and blobs are above all numbers.)
_IS_RECORD = " AND ".join(
    [
        *(f"typeof({name}) = 'text'" for name in ("endpoint", "id", "state", "error", "kind", "description")),
        *(f"{name} BETWEEN {FIRST_MOMENT} AND {LAST_MOMENT}" for name in ("used_at", "seen_at")),
        *(f"ifnull({name}, 0) BETWEEN {FIRST_MOMENT} AND {LAST_MOMENT}" for name in ("created_at", "changed_at")),
        "id <> '' AND done IN (0, 1)",
    ]
)
# Only names of columns are put into these; values are always bound.
_LOAD = f"SELECT {_COLUMNS} FROM operation WHERE {_IS_RECORD} ORDER BY used_at"  # noqa: S608
_DROP_DAMAGED = f"DELETE FROM operation WHERE ({_IS_RECORD}) IS NOT TRUE"  # noqa: S608
# What was used at a time that is still to come was used by a clock that was ahead.
_ADD = (
    f"INSERT INTO operation ({_COLUMNS}) VALUES ({_VALUES}) "  # noqa: S608
    "ON CONFLICT (endpoint, id) DO UPDATE SET used_at = max(min(used_at, :now), excluded.used_at)"
)
# As `Record.overtakes` says: another kernel may have written meanwhile.
_CHANGE = (
    f"UPDATE operation SET {_SEEN} WHERE endpoint = :endpoint AND id = :id "  # noqa: S608
    "AND (done < :done OR done = :done AND (changed_at > :changed_at) IS NOT TRUE)"
)
_DROP_NEVER_SEEN = "DELETE FROM operation WHERE endpoint = ? AND id = ? AND seen_at = 0"
# What has changed was followed then, whatever the clock here said.
_DROP_OLD = """
DELETE FROM operation WHERE max(used_at, CASE WHEN changed_at <= :now THEN changed_at ELSE used_at END)
    < (SELECT max(used_at) FROM operation WHERE used_at <= :now - :while) - (:oldest - :while)
"""
# As `ds_ops_magic.history.record.kept` says.
_DROP_SUPERFLUOUS = """
DELETE FROM operation WHERE rowid IN (
    SELECT rowid FROM operation WHERE done ORDER BY used_at DESC
    LIMIT -1 OFFSET max(0, ? - (SELECT count(*) FROM operation WHERE NOT done))
)
"""


class Unusable(Exception):
    """The file is none of ours, or of a newer version: to try again would not help."""


class HistoryFile:
    """The file, open. Makes it, private, where there is none.

    Args:
        path: Where it is, from the root on.
        clock: Seconds since the epoch.
        patience: Seconds to wait for another kernel that is writing.

    Raises:
        Unusable: That is no such place, or it is another user's, something else, damaged, or of a newer version.
        OSError: It cannot be made or opened.
        sqlite3.OperationalError: It cannot be used now.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, patience: float = BUSY) -> None:
        if not path.is_absolute():
            is_home = str(path).startswith("~")
            raise Unusable(f"nobody has the home folder {path.parts[0]}" if is_home else "the current folder is gone")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            # SQLite gives the -wal and -shm files the mode of the database.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        _check_owner(path)
        _check_kind(path)
        self._connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        # Bytes that are no text would keep all the other rows from being read.
        self._connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        try:
            self._prepare(path, patience)
            _check_owner(path)  # again: by now SQLite has opened or made what it keeps beside the file
        except BaseException as error:
            self._connection.close()
            # An OperationalError is about now; its base is about the file, which holds something else.
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                raise Unusable(_DAMAGED) from None
            raise
        self._path, self._inode = path, path.stat().st_ino
        self._clock = clock
        self._version = -1

    def is_gone(self) -> bool:
        """Tell whether the file was removed, or another put in its place: what is written now nobody would find."""
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def load(self) -> list[Record]:
        """Return all that is kept, what was used last at the end; without what is no record."""
        self._version = self._data_version()
        rows = self._connection.execute(_LOAD).fetchall()
        return [Record._make((*row[:5], bool(row[5]), *row[6:])) for row in rows]

    def has_news(self) -> bool:
        """Tell whether another kernel has written since `load`."""
        return self._data_version() != self._version

    def write(self, records: Iterable[Record], forgotten: Iterable[tuple[str, str]] = ()) -> None:
        """Keep records, and drop those of these endpoints and ids that were never seen; all of it or nothing.

        When it returns, the disk has it.
        """
        now = self._clock()
        rows = [{**record._asdict(), "now": now} for record in records]
        seen = [row for row in rows if row["seen_at"]]
        with self._transaction("IMMEDIATE"):
            self._connection.executemany(_DROP_NEVER_SEEN, forgotten)
            self._connection.executemany(_ADD, rows)
            self._connection.executemany(_CHANGE, seen)
            # The endpoint of one whose birth was recorded is known from its first answer on.
            born = [("", row["id"]) for row in seen if row["endpoint"]]
            self._connection.executemany("DELETE FROM operation WHERE endpoint = ? AND id = ?", born)

    def prune(self) -> None:
        """Drop what is no record, what is too old, and what is too much.

        Old is what was left alone for 90 days before others were used, a week ago or earlier: a clock that is wrong for
        some days drops nothing, in however many kernels, and real disuse ends in pruning a week later.
        """
        with self._transaction("IMMEDIATE"):
            self._connection.execute(_DROP_DAMAGED)
            self._connection.execute(_DROP_OLD, {"now": self._clock(), "while": _WEEK, "oldest": OLDEST})
            self._connection.execute(_DROP_SUPERFLUOUS, (MOST,))

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        try:
            self._connection.execute(f"BEGIN {kind}")
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _prepare(self, path: Path, patience: float) -> None:
        # In one, so that another kernel that is just making the table is seen before or after, and not amid.
        with self._transaction("DEFERRED"):
            is_ours = self._is_ours()
        make_private(path)  # not before it is known to be a history, or empty
        if not is_ours:
            self._choose_journal(path, patience)
            with self._transaction("IMMEDIATE"):
                if not self._is_ours():  # another kernel may have been quicker
                    self._connection.execute(_SCHEMA)
                    self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        # An id must outlive the machine: FULL waits for the disk at each commit, on a thread that has the time.
        self._connection.execute("PRAGMA synchronous = FULL")

    def _is_ours(self) -> bool:
        """Tell a history from an empty file; anything else raises."""
        application, version, tables = (
            self._connection.execute(question).fetchone()[0]
            for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if application == _APPLICATION and version > _VERSION:
            raise Unusable("a newer ds_ops_magic has written it")
        if application == _APPLICATION and tables:
            return True
        if application or tables:
            raise Unusable("it is the database of something else")
        return False

    def _choose_journal(self, path: Path, patience: float) -> None:
        """Turn on WAL, where kernels do not wait for each other; leave the rollback journal where it cannot work."""
        if is_remote(path):
            return
        deadline = time.monotonic() + patience
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # This one statement does not wait for another process by itself.
                if "locked" in str(error) and time.monotonic() < deadline:
                    time.sleep(0.01)
                    continue
            return


def _check_owner(path: Path) -> None:
    if reason := why_foreign(path):
        raise Unusable(reason)


def _check_kind(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise Unusable("it is a folder" if stat.S_ISDIR(found.st_mode) else "it is no regular file")
    if found.st_size == 1:  # SQLite takes it for an empty one
        raise Unusable(_DAMAGED)


def is_remote(path: Path, mounts: str | None = None) -> bool:
    """Tell whether a file is on a file system of another machine, as far as the system says (Linux).

    Args:
        path: The file.
        mounts: What stands in ``/proc/self/mounts``, unless that is to be read.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(errors="replace")
        except OSError:
            return False
    real = Path(os.path.realpath(path))
    best, kind = -1, ""
    for fields in map(str.split, mounts.splitlines()):
        place = Path(fields[1].replace("\\040", " "))
        if len(place.parts) >= best and real.is_relative_to(place):
            best, kind = len(place.parts), fields[2]
    return kind.partition(".")[0] in _REMOTE
