"""The table of operations in a SQLite file that several threads and processes share."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from ds_ops_magic.local.errors import Damaged
from ds_ops_magic.util import sqlite
from ds_ops_magic.util.private_files import make_private, why_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUSY_TIMEOUT = 10.0
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
    """A row of the table. Times are nanoseconds since the epoch; a row that is done never changes again."""

    id: str
    description: str
    created_at: int
    created_by: str  # name of the user of the operating system
    modified_at: int
    done: bool = False
    metadata: bytes = b""  # a serialized google.protobuf.Any, like the response
    error: bytes | None = None  # a serialized google.rpc.Status
    response: bytes | None = None
    owner: str | None = None  # the process of a job (`process_lock`), None for a simulation
    started: bool = False
    cancel_requested: int | None = None
    simulation: str | None = None  # the text of a `simulated_job`, None for a callable


# SQLite itself lets any column hold anything.
_TYPES: tuple[Any, ...] = (
    *(str, str, int, str, int, int, bytes, (bytes, NoneType), (bytes, NoneType)),
    *((str, NoneType), int, (int, NoneType), (str, NoneType)),
)
# The column of the simulation is called course in existing files.
_COLUMNS = ", ".join(Row._fields).replace("simulation", "course")
_VALUES = ", ".join("?" * len(Row._fields))
# Only names of columns are put into these; values are always bound.
_INSERT = f"INSERT INTO operation ({_COLUMNS}) VALUES ({_VALUES})"  # noqa: S608
_UPDATE = f"UPDATE operation SET ({_COLUMNS}) = ({_VALUES}) WHERE id = ?"  # noqa: S608
_FIND = f"SELECT {_COLUMNS} FROM operation WHERE id = ?"  # noqa: S608
# A log may have megabytes, and stands after the first line of its column; few need it.
_FIRST_LINE = """
CASE instr(course, char(10)) WHEN 0 THEN course ELSE substr(course, 1, instr(course, char(10)) - 1) END
"""
_WITHOUT_LOG = _COLUMNS.replace("course", _FIRST_LINE)
_READ = f"SELECT {_WITHOUT_LOG} FROM operation WHERE id = ?"  # noqa: S608
_LIST = f"SELECT {_WITHOUT_LOG} FROM operation ORDER BY number DESC"  # noqa: S608
_PAGE = f"SELECT {_WITHOUT_LOG}, number FROM operation WHERE number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608
# Older than a time, or not among so many of the newest; -1: all are.
_OLD = "({time} < ? OR ? >= 0 AND number <= (SELECT number FROM operation ORDER BY number DESC LIMIT 1 OFFSET ?))"
_UNFINISHED = f"SELECT {_WITHOUT_LOG} FROM operation WHERE NOT done AND {_OLD.format(time='created_at')}"  # noqa: S608
_PRUNE = f"DELETE FROM operation WHERE done AND {_OLD.format(time='modified_at')}"  # noqa: S608


class Store:
    """The file of operations. Threads may share a Store, processes share the file, and a forked child may go on.

    Reading and writing have a connection each, so that reading never waits for what waits to write. Content that cannot
    be read raises `Damaged`.

    Args:
        path: Absolute path of the file.
        create: Create the file (mode 0600) if it does not exist.

    Raises:
        OSError: The file cannot be created or opened, or another user may have put it there.
        sqlite3.Error: It is no database of operations, or not of this version.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._reader = sqlite.Connection(path, BUSY_TIMEOUT, _text)
        self._writer = sqlite.Connection(path, BUSY_TIMEOUT, _text)
        self._refuse_foreign()
        if create:
            sqlite.create_file(path)
        try:
            with self._reader.use() as connection:
                new = sqlite.Format(_APPLICATION, _VERSION, _SCHEMA)
                sqlite.prepare(connection, path, new, _is_ours, BUSY_TIMEOUT)
            self._refuse_foreign()  # again: another user may have created the file since
        except BaseException:
            self.close()
            raise
        make_private(path)

    def insert(self, row: Row, *, durable: bool) -> None:
        """Add an operation; ``durable`` as in `update`."""
        with self._writing(durable) as connection:
            connection.execute(_INSERT, row)

    def delete(self, operation_id: str) -> None:
        with self._writing(durable=False) as connection:
            connection.execute("DELETE FROM operation WHERE id = ?", (operation_id,))

    def update(
        self,
        operation_id: str,
        change: Callable[[Row], Row | None],
        *,
        durable: bool = False,
        timeout: float | None = None,
    ) -> Row | None:
        """Read a row and change it in one transaction.

        Args:
            operation_id: The operation.
            change: Gets the row and returns it changed, or None to leave it; what it raises rolls the change back.
            durable: Whether the change must survive a power failure, and not only a kill of the process.
            timeout: Seconds to wait for another process that is writing, None: `BUSY_TIMEOUT`; 0: no wait for threads
                of this process either.

        Returns:
            The row as it is now, None if there is none.
        """
        with self._writing(durable, timeout) as connection:
            row = _find(connection, operation_id)
            changed = None if row is None else change(row)
            if changed is None:
                return row
            connection.execute(_UPDATE, (*changed, operation_id))
            return changed

    def read(self, operation_id: str) -> Row | None:
        """Return a row without its log, as all that are not read to be changed."""
        with self._reader.use() as connection:
            return _find(connection, operation_id, _READ)

    def read_with_log(self, operation_id: str) -> Row | None:
        with self._reader.use() as connection:
            return _find(connection, operation_id)

    def rows(self) -> list[Row]:
        """Return every row, the newest first."""
        with self._reader.use() as connection:
            return [_row(found) for found in connection.execute(_LIST).fetchall()]

    def page(self, before: int, limit: int) -> list[tuple[int, Row]]:
        """Return so many rows that were added before the one of a number, and their numbers, the newest first."""
        with self._reader.use() as connection:
            return [(found[-1], _row(found[:-1])) for found in connection.execute(_PAGE, (before, limit)).fetchall()]

    def unfinished(self, created_before: int, newest: int) -> list[Row]:
        """Return the rows not done that are older than a time, or not among the ``newest`` ones (-1: all are)."""
        with self._reader.use() as connection:
            return [_row(found) for found in connection.execute(_UNFINISHED, (created_before, newest, max(0, newest)))]

    def prune(self, ended_before: int, newest: int, timeout: float | None = None) -> None:
        """Remove the rows that are done and older than a time, or not among the ``newest`` ones (-1: all are)."""
        with self._writing(durable=False, timeout=timeout) as connection:
            connection.execute(_PRUNE, (ended_before, newest, max(0, newest)))

    def close(self) -> None:
        """Close the file; later calls raise ``sqlite3.ProgrammingError``. Closing twice is no error."""
        self._writer.close()
        self._reader.close()

    @contextlib.contextmanager
    def _writing(self, durable: bool, timeout: float | None = None) -> Iterator[sqlite3.Connection]:
        if timeout == 0 and self._writer.is_in_use:
            raise sqlite3.OperationalError("another thread is writing")
        with self._writer.use() as connection:
            seconds = BUSY_TIMEOUT if timeout is None else timeout
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}").close()
            # In WAL mode a commit has reached the kernel when it returns, so a killed process loses none either way.
            # FULL also waits for the disk: a third of a millisecond and up instead of 16 us, each. That is worth it
            # for the beginning and the end of a job, which a power failure must not undo; progress and simulations are
            # not worth it, and the next FULL commit includes all earlier ones.
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with sqlite.transaction(connection, "IMMEDIATE"):
                yield connection

    def _refuse_foreign(self) -> None:
        reason = why_foreign(self.path)
        if reason:
            raise PermissionError(errno.EPERM, reason)


def _find(connection: sqlite3.Connection, operation_id: str, query: str = _FIND) -> Row | None:
    found = connection.execute(query, (operation_id,)).fetchall()
    return _row(found[0]) if found else None


def _row(found: tuple[Any, ...]) -> Row:
    if not all(map(isinstance, found, _TYPES)):
        raise Damaged("an operation in it has a value of another type than it should")
    return Row._make(found)


def _text(raw: bytes) -> str:
    # By default sqlite3 raises the same error for text that is no UTF-8 as for a full disk.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Damaged("it holds text that is no UTF-8") from None


def _is_ours(header: sqlite.Header) -> bool:
    # False where it is empty.
    if header.application_id == _APPLICATION and header.version != _VERSION:
        raise sqlite3.DatabaseError(f"it is of version {header.version}, and this is version {_VERSION}")
    if header.application_id != _APPLICATION and (header.application_id or header.tables):
        raise sqlite3.DatabaseError("it is the database of something else")
    return header.application_id == _APPLICATION
