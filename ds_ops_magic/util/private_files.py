"""Files that no other user may read or have made: checks of their owners, and of their modes."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite puts beside a database, with the same mode
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def why_foreign(database: Path) -> str:
    """Say why a database, or what SQLite keeps beside it, must not be used: another user may have put it there.

    Whoever owns a file can read and change it, whatever its mode is made later. In a folder that nobody else can write
    to nobody else can have made it, so that there the owner does not matter. Empty where there is no reason.

    Raises:
        OSError: The folder cannot be looked into.
    """
    if not os.stat(database.parent).st_mode & _OTHERS_MAY_WRITE:
        return ""
    foreign = {owner for path in _with_companions(database) for owner in _owners(path)} - {os.geteuid()}
    if not foreign or _new_file_owner(database.parent) in foreign:
        return ""
    return "it was made by another user, in a folder that others can write to"


def make_private(database: Path) -> None:
    """Take a database from everybody else, and what SQLite has put beside it."""
    for path in _with_companions(database):
        with contextlib.suppress(OSError):  # not each is there, and not every storage has modes
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)


def _with_companions(database: Path) -> Iterator[Path]:
    yield database
    for end in _BESIDE:
        yield database.with_name(database.name + end)


def _owners(path: Path) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError):
        yield os.lstat(path).st_uid
        yield os.stat(path).st_uid  # of what a symbolic link leads to


def _new_file_owner(folder: Path) -> int | None:
    # Some file systems give every file to one user, whoever made it.
    try:
        with tempfile.TemporaryFile(dir=folder) as made:
            return os.fstat(made.fileno()).st_uid
    except OSError:
        return None
