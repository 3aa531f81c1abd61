"""What goes wrong with a database, and the gRPC status that the service answers then."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Damaged(Exception):
    """The content of a database cannot be read: it is not as it was written."""


DATABASE_ERRORS = (OSError, MemoryError, sqlite3.Error, Damaged)
"""What is raised where a database cannot be used."""


class StatusError(Exception):
    """A request is answered with a gRPC status; ``code`` is the name of its code, for example ``NOT_FOUND``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


@contextlib.contextmanager
def database_status(path: Path) -> Iterator[None]:
    """Turn the errors of a database into a `StatusError`.

    DATA_LOSS: the content cannot be read, and a retry will not change that. UNAVAILABLE: a retry may succeed; the disk
    is full, there is no memory or descriptor, another process has a lock, or a file may not be opened.
    """
    try:
        yield
    except (*DATABASE_ERRORS, DecodeError, OverflowError) as error:
        name = tidy(str(path))
        reason = tidy(str(error)) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)
        # For a file that is damaged, or no database, sqlite3 raises DatabaseError itself, and else a subclass of it.
        if isinstance(error, (Damaged, DecodeError, OverflowError)) or type(error) is sqlite3.DatabaseError:
            raise StatusError("DATA_LOSS", f"The database {name} is damaged: {reason}") from error
        raise StatusError("UNAVAILABLE", f"The database {name} does not answer: {reason}") from error
