"""The file of the history: SQLite, which many processes share, and which one thread of each process uses."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import stat
import time
from typing import TYPE_CHECKING

from ds_ops_magic.history import retention
from ds_ops_magic.history.record import FIRST_MOMENT, LAST_MOMENT, Record
from ds_ops_magic.util import sqlite
from ds_ops_magic.util.private_files import make_private, why_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process that is writing."""
_DAMAGED = "it is damaged, or no history"
_FORMAT = sqlite.Format(
    application_id=0x64736F68,
    version=1,
    schema="""
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
""",
)
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
# As `Record.supersedes` says: another process may have written meanwhile.
_CHANGE = (
    f"UPDATE operation SET {_SEEN} WHERE endpoint = :endpoint AND id = :id "  # noqa: S608
    "AND (done < :done OR done = :done AND (changed_at > :changed_at) IS NOT TRUE)"
)
_DROP_NEVER_SEEN = "DELETE FROM operation WHERE endpoint = ? AND id = ? AND seen_at = 0"
# What has changed was followed then, whatever the clock here said.
_DROP_OLD = """
DELETE FROM operation WHERE max(used_at, CASE WHEN changed_at <= :now THEN changed_at ELSE used_at END)
    < (SELECT max(used_at) FROM operation WHERE used_at <= :now - :grace) - (:retention - :grace)
"""
# As `retention.retained` says.
_DROP_SUPERFLUOUS = """
DELETE FROM operation WHERE rowid IN (
    SELECT rowid FROM operation WHERE done ORDER BY used_at DESC
    LIMIT -1 OFFSET max(0, ? - (SELECT count(*) FROM operation WHERE NOT done))
)
"""


class Unusable(Exception):
    """The file is none of ours, or of a newer version: to try again would not help."""


class HistoryFile:
    """The file, open; it is made, private, where there is none.

    Raises:
        Unusable: The path is not absolute, or the file is another user's, damaged, of a newer version, or no history.
        OSError: It cannot be made or opened.
        sqlite3.OperationalError: It cannot be used now.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, timeout: float = BUSY_TIMEOUT) -> None:
        if not path.is_absolute():
            is_home = str(path).startswith("~")
            raise Unusable(f"nobody has the home folder {path.parts[0]}" if is_home else "the current folder is gone")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            sqlite.create_file(path, os.O_EXCL)
        _check_owner(path)
        _check_kind(path)
        # Bytes that are no text would keep all the other rows from being read.
        self._connection = sqlite.Connection(path, timeout, functools.partial(str, encoding="utf-8", errors="replace"))
        try:
            with self._connection.use() as connection:
                sqlite.prepare(connection, path, _FORMAT, _is_ours, timeout)
                # An id must outlive the machine: FULL waits for the disk at each commit, on a thread that has the time.
                connection.execute("PRAGMA synchronous = FULL")
            make_private(path)  # not before it is known to be a history
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
        """Tell whether the file was removed or replaced: nobody would find what is written now."""
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def load(self) -> list[Record]:
        """Return all records, what was used last at the end; rows that are damaged are left out."""
        with self._connection.use() as connection:
            self._version = _data_version(connection)
            rows = connection.execute(_LOAD).fetchall()
        return [Record._make((*row[:5], bool(row[5]), *row[6:])) for row in rows]

    def has_changed(self) -> bool:
        """Tell whether another process has written since `load`."""
        with self._connection.use() as connection:
            return _data_version(connection) != self._version

    def write(self, records: Iterable[Record], dropped: Iterable[tuple[str, str]] = ()) -> None:
        """Write records, and drop those that were never seen; all of it or nothing. Returns when the disk has it."""
        now = self._clock()
        rows = [{**record._asdict(), "now": now} for record in records]
        seen = [row for row in rows if row["seen_at"]]
        with self._connection.use() as connection, sqlite.transaction(connection, "IMMEDIATE"):
            connection.executemany(_DROP_NEVER_SEEN, dropped)
            connection.executemany(_ADD, rows)
            connection.executemany(_CHANGE, seen)
            # Where one of an unknown endpoint is, its first answer has shown.
            found = [("", row["id"]) for row in seen if row["endpoint"]]
            connection.executemany("DELETE FROM operation WHERE endpoint = ? AND id = ?", found)

    def prune(self) -> None:
        """Drop damaged rows, and what is too old or too much (`retention`)."""
        with self._connection.use() as connection, sqlite.transaction(connection, "IMMEDIATE"):
            connection.execute(_DROP_DAMAGED)
            connection.execute(
                _DROP_OLD, {"now": self._clock(), "grace": retention.GRACE, "retention": retention.RETENTION}
            )
            connection.execute(_DROP_SUPERFLUOUS, (retention.MAX_RECORDS,))

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _is_ours(header: sqlite.Header) -> bool:  # False for an empty file
    is_history = header.application_id == _FORMAT.application_id
    if is_history and header.version > _FORMAT.version:
        raise Unusable("a newer ds_ops_magic has written it")
    if not (is_history and header.tables) and (header.application_id or header.tables):
        raise Unusable("it is the database of something else")
    return is_history


def _check_owner(path: Path) -> None:
    if reason := why_foreign(path):
        raise Unusable(reason)


def _check_kind(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise Unusable("it is a folder" if stat.S_ISDIR(found.st_mode) else "it is no regular file")
    if found.st_size == 1:  # SQLite takes it for an empty one
        raise Unusable(_DAMAGED)
