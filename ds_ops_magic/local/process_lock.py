"""Lock files that say whether the process that made them still lives.

A process holds a lock on a file of its own beside each database, and the name of that file identifies it as the owner
of an operation. The kernel frees the lock when the process ends, however it ends; unlike a process id, the name of such
a file is never used again.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import os
import secrets
import threading
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.util import fork, private_files

if TYPE_CHECKING:
    from pathlib import Path


class _OwnerLock(NamedTuple):
    owner: str
    descriptor: int


_owner_locks: dict[Path, _OwnerLock] = {}
_lock = threading.Lock()


def current_owner(database: Path) -> str:
    """Return the owner id of this process for a database; its lock is held until the process ends.

    Raises:
        OSError: The lock file cannot be made.
    """
    with _lock:
        held = _owner_locks.get(database)
        # A database that was removed and created again took the lock file with it.
        if held is None or not is_at(held.descriptor, _owner_file(database, held.owner)):
            held = _owner_locks[database] = _new_owner_lock(database)
        return held.owner


def is_alive(database: Path, owner: str | None) -> bool:
    """Tell whether the process of an owner id still lives.

    Raises:
        OSError: The lock file exists and cannot be opened, so that this is not known.
    """
    if owner is None or not owner.isalnum():  # no process has such an id
        return False
    path = _owner_file(database, owner)
    try:
        descriptor = open_file(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link, which is never one of our lock files
            return False
        raise
    try:
        # Shared, so that two processes that look at the same time do not take each other for the owner.
        return not private_files.why_foreign(path) and not acquire(descriptor, shared=True)
    finally:
        os.close(descriptor)


def remove_stale(database: Path) -> None:
    """Remove the lock files of processes that have ended."""
    for path in database.parent.glob(f"{database.name}.owner-*.lock"):
        with contextlib.suppress(OSError):
            descriptor = open_file(path)
            try:
                if not private_files.why_foreign(path) and acquire(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def release(database: Path) -> None:
    """Give up this process's lock for a database whose file is about to be removed."""
    with _lock:
        held = _owner_locks.pop(database, None)
    if held is not None:
        _owner_file(database, held.owner).unlink(missing_ok=True)
        os.close(held.descriptor)


def create_file(path: Path) -> int:
    """Make a lock file of mode 0600, and return its descriptor.

    Raises:
        OSError: It cannot be made, or exists.
    """
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)


def open_file(path: Path) -> int:
    """Open an existing lock file, and return its descriptor.

    Raises:
        OSError: It does not exist, cannot be opened, or is a link.
    """
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)


def acquire(descriptor: int, *, shared: bool = False) -> bool:
    """Take a lock without waiting, and return whether it is taken; closing the descriptor frees it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file still has its name: between opening and locking it another process may remove it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _new_owner_lock(database: Path) -> _OwnerLock:
    while True:
        owner = secrets.token_hex(8)
        path = _owner_file(database, owner)
        descriptor = create_file(path)
        # Another process may have looked at the file, or removed it, in the instant before it was locked.
        if acquire(descriptor) and is_at(descriptor, path):
            return _OwnerLock(owner, descriptor)
        os.close(descriptor)


def _owner_file(database: Path, owner: str) -> Path:
    return database.with_name(f"{database.name}.owner-{owner}.lock")


def _after_fork() -> None:
    # The child is not the owner, and must not keep the lock for a parent that has ended.
    global _lock
    _lock = threading.Lock()
    for held in _owner_locks.values():
        os.close(held.descriptor)
    _owner_locks.clear()


def _at_exit() -> None:
    for database in list(_owner_locks):
        with contextlib.suppress(OSError):
            release(database)


fork.register(after_in_child=_after_fork)
atexit.register(_at_exit)
