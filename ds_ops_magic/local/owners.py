"""Which process has a piece of work, and whether that process still lives.

A process holds an exclusive lock on a file of its own beside the database. The kernel frees the lock when the process
ends, however it ends; unlike a process id, the name of such a file is never used again.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import secrets
import threading
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.local import process_lock
from ds_ops_magic.util import fork, private_files

if TYPE_CHECKING:
    from pathlib import Path


class _Held(NamedTuple):
    owner: str
    descriptor: int


_held: dict[Path, _Held] = {}
_lock = threading.Lock()


def current_owner(database: Path) -> str:
    """Return the owner id of this process for a database; its lock is held until the process ends.

    Raises:
        OSError: The lock file cannot be made.
    """
    with _lock:
        held = _held.get(database)
        # A database that was removed and made anew took the lock file with it.
        if held is None or not process_lock.is_at(held.descriptor, _file(database, held.owner)):
            held = _held[database] = _take(database)
        return held.owner


def is_alive(database: Path, owner: str | None) -> bool:
    """Tell whether the process of an owner id still lives.

    Raises:
        OSError: Nobody knows: its lock file is there, and cannot be opened.
    """
    if owner is None or not owner.isalnum():  # no process has such an id
        return False
    path = _file(database, owner)
    try:
        descriptor = process_lock.open_(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link; nobody makes a lock file of one
            return False
        raise
    try:
        # Shared, so that two processes that look at the same time do not take each other for the owner.
        return not private_files.why_foreign(path) and not process_lock.take(descriptor, shared=True)
    finally:
        os.close(descriptor)


def sweep(database: Path) -> None:
    """Remove the lock files of processes that have ended."""
    for path in database.parent.glob(f"{database.name}.owner-*.lock"):
        with contextlib.suppress(OSError):
            descriptor = process_lock.open_(path)
            try:
                if not private_files.why_foreign(path) and process_lock.take(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def release(database: Path) -> None:
    """Give up this process's lock for a database whose file is about to be removed."""
    with _lock:
        held = _held.pop(database, None)
    if held is not None:
        _file(database, held.owner).unlink(missing_ok=True)
        os.close(held.descriptor)


def _take(database: Path) -> _Held:
    while True:
        owner = secrets.token_hex(8)
        path = _file(database, owner)
        descriptor = process_lock.create(path)
        # Another process may have looked at the file, or swept it, in the instant before it was locked.
        if process_lock.take(descriptor) and process_lock.is_at(descriptor, path):
            return _Held(owner, descriptor)
        os.close(descriptor)


def _file(database: Path, owner: str) -> Path:
    return database.with_name(f"{database.name}.owner-{owner}.lock")


def _after_fork() -> None:
    """Let go in a forked child of what it inherits: it is not the owner, and must not keep the lock for a dead one."""
    global _lock
    _lock = threading.Lock()
    for held in _held.values():
        os.close(held.descriptor)
    _held.clear()


def _at_exit() -> None:
    for database in list(_held):
        with contextlib.suppress(OSError):
            release(database)


fork.register(after_in_child=_after_fork)
atexit.register(_at_exit)
