"""What the service refuses, and what it says of its own trouble: by gRPC code, over the network and without it."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from ds_ops_magic.local.database import Damaged
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


TROUBLE = (OSError, MemoryError, sqlite3.Error, Damaged)
"""What using a database raises where it cannot be used."""


class Refusal(Exception):
    """A request that is answered with a gRPC status.

    Args:
        code: Name of the code, for example ``NOT_FOUND``.
        words: What the service says.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words


@contextlib.contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Refuse where the database cannot be used.

    Args:
        path: The database.

    Raises:
        Refusal: DATA_LOSS: what is in the file cannot be read, and asking again will not change that. UNAVAILABLE: it
            is worth another try; no room, no memory, no descriptors, a lock, a file that may not be opened.
    """
    try:
        yield
    except (*TROUBLE, DecodeError, OverflowError) as error:
        name = tidy(str(path))
        # SQLite's own errors are kinds of DatabaseError; those that say that the file is none, or torn, are plain ones.
        if isinstance(error, (Damaged, DecodeError, OverflowError)) or type(error) is sqlite3.DatabaseError:
            raise Refusal("DATA_LOSS", f"The database {name} is damaged: {reason(error)}") from error
        raise Refusal("UNAVAILABLE", f"The database {name} does not answer: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Say in one line why a file could not be used."""
    return tidy(str(error)) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)
