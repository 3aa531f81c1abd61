"""The file of a local service: opened once for reading and once for writing, by several threads and processes."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from typing import TYPE_CHECKING

from ds_ops_magic.util import sqlite
from ds_ops_magic.util.private_files import make_private, why_foreign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY = 10.0
"""Seconds to wait for another process that is writing."""

_APPLICATION = 0x64736F70
_VERSION = 1


class Damaged(Exception):
    """The content of the file cannot be read: it is not as it was written."""


class Database:
    """The file. Threads may share a Database, processes share the file, and a forked child may go on.

    Reading and writing have a connection each, so that reading never waits for what waits to write.

    Args:
        path: Absolute path of the file.
        schema: Statement that creates its table.
        create: Create the file (mode 0600) if it does not exist.

    Raises:
        OSError: The file cannot be created or opened, or another user may have put it there.
        sqlite3.Error: It is no database of operations, or not of this version.
    """

    def __init__(self, path: Path, schema: str, *, create: bool) -> None:
        self.path = path
        self._reader = sqlite.Connection(path, BUSY, _text)
        self._writer = sqlite.Connection(path, BUSY, _text)
        self._refuse_foreign()
        if create:
            sqlite.create_file(path)
        try:
            with self._reader.use() as connection:
                sqlite.prepare(connection, path, sqlite.Format(_APPLICATION, _VERSION, schema), _is_ours, BUSY)
            self._refuse_foreign()  # again: the file may have been made by another user meanwhile
        except BaseException:
            self.close()
            raise
        make_private(path)

    def reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Return the connection for reading, as a context."""
        return self._reader.use()

    @contextlib.contextmanager
    def writing(self, durable: bool, timeout: float | None = None) -> Iterator[sqlite3.Connection]:
        """Give the connection for writing, in a transaction of its own.

        Args:
            durable: Whether the change must survive a power failure, and not only a kill of the process.
            timeout: Seconds to wait for another process that is writing; None: `BUSY`; 0: for no thread either.
        """
        if timeout == 0 and self._writer.is_in_use:
            raise sqlite3.OperationalError("another thread is writing")
        with self._writer.use() as connection:
            seconds = BUSY if timeout is None else timeout
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}").close()
            # In WAL mode a commit has reached the kernel when it returns, so a killed process loses none either way.
            # FULL also waits for the disk: a third of a millisecond and up instead of 16 us, each. That is worth it
            # for the beginning and the end of a job, which a power failure must not undo; progress and simulations are
            # not worth it, and the next FULL commit includes all earlier ones.
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with sqlite.transaction(connection, "IMMEDIATE"):
                yield connection

    def close(self) -> None:
        """Close the file; later calls raise ``sqlite3.ProgrammingError``. Closing twice is no error."""
        self._writer.close()
        self._reader.close()

    def _refuse_foreign(self) -> None:
        reason = why_foreign(self.path)
        if reason:
            raise PermissionError(errno.EPERM, reason)


def _text(raw: bytes) -> str:
    # Of itself sqlite3 gives for text that is none the error that it gives for a disk that is full.
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
