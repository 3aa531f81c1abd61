"""The table of operations in a SQLite file that several threads and processes share."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from ds_ops_magic.local.database import Damaged, Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

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
    """A row of the table.

    Attributes:
        id: The operation id.
        description: 0 to 256 characters.
        created_at: Nanoseconds since the epoch, as all times here.
        created_by: Name of the user of the operating system.
        modified_at: When it last changed.
        done: Whether it has ended; such a row never changes again.
        metadata: Serialized ``google.protobuf.Any``.
        error: Serialized ``google.rpc.Status``.
        response: Serialized ``google.protobuf.Any``.
        owner: The process of a job (`process_lock`), None for a simulation.
        started: Whether the job has started.
        cancel_requested: When a cancel was first requested.
        simulation: JSON of a `Simulation`, None for a job.
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
    simulation: str | None = None


# SQLite itself lets any column hold anything.
_TYPES: tuple[Any, ...] = (
    *(str, str, int, str, int, int, bytes, (bytes, NoneType), (bytes, NoneType)),
    *((str, NoneType), int, (int, NoneType), (str, NoneType)),
)
# What is a simulation here is called a course in every file there is.
_COLUMNS = ", ".join(Row._fields).replace("simulation", "course")
_VALUES = ", ".join("?" * len(Row._fields))
# Only names of columns are put into these; values are always bound.
_INSERT = f"INSERT INTO operation ({_COLUMNS}) VALUES ({_VALUES})"  # noqa: S608
_UPDATE = f"UPDATE operation SET ({_COLUMNS}) = ({_VALUES}) WHERE id = ?"  # noqa: S608
_FIND = f"SELECT {_COLUMNS} FROM operation WHERE id = ?"  # noqa: S608
_LIST = f"SELECT {_COLUMNS} FROM operation ORDER BY number DESC"  # noqa: S608
# Older than a time, or not among so many of the newest; -1: all are.
_OLD = "({time} < ? OR ? >= 0 AND number <= (SELECT number FROM operation ORDER BY number DESC LIMIT 1 OFFSET ?))"
_UNFINISHED = f"SELECT {_COLUMNS} FROM operation WHERE NOT done AND {_OLD.format(time='created_at')}"  # noqa: S608
_PRUNE = f"DELETE FROM operation WHERE done AND {_OLD.format(time='modified_at')}"  # noqa: S608


class Store:
    """The file of operations. Threads may share a Store, processes share the file, and a forked child may go on.

    Content that cannot be read raises `Damaged`.

    Args:
        path: Absolute path of the file.
        create: Create the file (mode 0600) if it does not exist.

    Raises:
        OSError: The file cannot be created or opened, or another user may have put it there.
        sqlite3.Error: It is no database of operations, or not of this version.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._database = Database(path, _SCHEMA, create=create)

    def insert(self, row: Row, *, durable: bool) -> None:
        """Add an operation; ``durable`` as in `update`."""
        with self._database.writing(durable) as connection:
            connection.execute(_INSERT, row)

    def delete(self, operation_id: str) -> None:
        """Remove an operation."""
        with self._database.writing(durable=False) as connection:
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
            timeout: Seconds to wait for another process that is writing, None for the default.

        Returns:
            The row as it is now, None if there is none.
        """
        with self._database.writing(durable, timeout) as connection:
            row = _find(connection, operation_id)
            changed = None if row is None else change(row)
            if changed is None:
                return row
            connection.execute(_UPDATE, (*changed, operation_id))
            return changed

    def read(self, operation_id: str) -> Row | None:
        """Return one row, None if there is none."""
        with self._database.reading() as connection:
            return _find(connection, operation_id)

    def rows(self) -> list[Row]:
        """Return every row, the newest first."""
        with self._database.reading() as connection:
            return [_row(found) for found in connection.execute(_LIST).fetchall()]

    def unfinished(self, created_before: int, newest: int) -> list[Row]:
        """Return the rows not done that are older than a time, or not among the ``newest`` ones (-1: all are)."""
        with self._database.reading() as connection:
            return [_row(found) for found in connection.execute(_UNFINISHED, (created_before, newest, max(0, newest)))]

    def prune(self, ended_before: int, newest: int, timeout: float | None = None) -> None:
        """Remove the rows that are done and older than a time, or not among the ``newest`` ones (-1: all are)."""
        with self._database.writing(durable=False, timeout=timeout) as connection:
            connection.execute(_PRUNE, (ended_before, newest, max(0, newest)))

    def close(self) -> None:
        """Close the file; later calls raise ``sqlite3.ProgrammingError``. Closing twice is no error."""
        self._database.close()


def _find(connection: sqlite3.Connection, operation_id: str) -> Row | None:
    found = connection.execute(_FIND, (operation_id,)).fetchall()
    return _row(found[0]) if found else None


def _row(found: tuple[Any, ...]) -> Row:
    if not all(map(isinstance, found, _TYPES)):
        raise Damaged("an operation in it has a value of another type than it should")
    return Row._make(found)
