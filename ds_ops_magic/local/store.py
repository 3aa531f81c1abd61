"""Where operations are kept: a SQLite file that several threads and processes share."""

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
    simulation TEXT,
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
_KINDS: tuple[Any, ...] = (
    *(str, str, int, str, int, int, bytes, (bytes, NoneType), (bytes, NoneType)),
    *((str, NoneType), int, (int, NoneType), (str, NoneType)),
)
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

    What it holds and cannot be read raises `Damaged`.

    Args:
        path: Absolute path of the file.
        create: Make the file (mode 0600) where there is none.

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
        """Remove an operation nobody has heard of yet."""
        with self._database.writing(durable=False) as connection:
            connection.execute("DELETE FROM operation WHERE id = ?", (operation_id,))

    def update(
        self,
        operation_id: str,
        change: Callable[[Row], Row | None],
        *,
        durable: bool = False,
        patience: float | None = None,
    ) -> Row | None:
        """Read a row and change it in one transaction, which no other thread or process can come between.

        Args:
            operation_id: Which one.
            change: Gets the row and returns it changed, or None to leave it; what it raises undoes everything.
            durable: Whether it must outlive a power failure, and not only a kill of the process.
            patience: Seconds to wait for another process that is writing, None for the usual ones.

        Returns:
            The row as it is now, None where there is none.
        """
        with self._database.writing(durable, patience) as connection:
            row = _find(connection, operation_id)
            changed = None if row is None else change(row)
            if changed is None:
                return row
            connection.execute(_UPDATE, (*changed, operation_id))
            return changed

    def read(self, operation_id: str) -> Row | None:
        """Return one row, None where there is none."""
        with self._database.reading() as connection:
            return _find(connection, operation_id)

    def rows(self) -> list[Row]:
        """Return every row, the newest first."""
        with self._database.reading() as connection:
            return [_row(found) for found in connection.execute(_LIST).fetchall()]

    def going(self, created_before: int, newest: int) -> list[Row]:
        """Return the rows not known to be over that are older than a time, or not among so many newest (-1: all)."""
        with self._database.reading() as connection:
            return [_row(found) for found in connection.execute(_GOING, (created_before, newest, max(0, newest)))]

    def prune(self, ended_before: int, newest: int, patience: float | None = None) -> None:
        """Remove the rows that are over and older than a time, or not among so many newest (-1: all are)."""
        with self._database.writing(durable=False, patience=patience) as connection:
            connection.execute(_PRUNE, (ended_before, newest, max(0, newest)))

    def close(self) -> None:
        """Close the file; later calls raise ``sqlite3.ProgrammingError``. Closing twice is no error."""
        self._database.close()


def _find(connection: sqlite3.Connection, operation_id: str) -> Row | None:
    found = connection.execute(_FIND, (operation_id,)).fetchall()
    return _row(found[0]) if found else None


def _row(found: tuple[Any, ...]) -> Row:
    if not all(map(isinstance, found, _KINDS)):
        raise Damaged("an operation in it has a value of another kind than it should")
    return Row._make(found)
