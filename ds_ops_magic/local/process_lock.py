"""Lock files that show whether the process that created them is still alive.

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
    from collections.abc import Iterator
    from pathlib import Path


class _OwnerLock(NamedTuple):
    owner: str
    descriptor: int


_owner_locks: dict[Path, _OwnerLock] = {}
_lock = threading.Lock()


def current_owner(database: Path) -> str:
    """Return the owner id of this process for a database; its lock is held until the process ends."""
    with _lock:
        own = _owner_locks.get(database)
        # A database that was removed and created again took the lock file with it.
        if own is None or not _is_at(own.descriptor, _owner_file(database, own.owner)):
            own = _owner_locks[database] = _new_owner_lock(database)
        return own.owner


def is_alive(database: Path, owner: str | None) -> bool:
    """Whether the process of an owner id is alive; an OSError means that its lock file cannot be opened."""
    if owner is None or not owner.isalnum():  # no process has such an id
        return False
    path = _owner_file(database, owner)
    try:
        with opened(path) as descriptor:
            # Shared, so that two processes that look at the same time do not take each other for the owner.
            return not private_files.why_foreign(path) and not acquire(descriptor, shared=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link, which is never one of our lock files
            return False
        raise


def remove_stale(database: Path) -> None:
    """Remove the lock files of processes that have ended."""
    for path in database.parent.glob(f"{database.name}.owner-*.lock"):
        with contextlib.suppress(OSError), opened(path) as descriptor:
            if not private_files.why_foreign(path) and acquire(descriptor):
                path.unlink()


def release(database: Path) -> None:
    """Give up this process's lock for a database whose file is about to be removed."""
    with _lock:
        own = _owner_locks.pop(database, None)
    if own is not None:
        _owner_file(database, own.owner).unlink(missing_ok=True)
        os.close(own.descriptor)


def create(path: Path) -> int | None:
    """Create and lock a file of mode 0600, and return its descriptor.

    None where another process opened or removed the file in the instant before it was locked.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if acquire(descriptor) and _is_at(descriptor, path):
        return descriptor
    os.close(descriptor)
    return None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open an existing lock file; a link raises OSError, ELOOP."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def acquire(descriptor: int, *, shared: bool = False) -> bool:
    """Take a lock without waiting, and return whether it is taken; closing the descriptor frees it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _new_owner_lock(database: Path) -> _OwnerLock:
    while True:
        owner = secrets.token_hex(8)
        descriptor = create(_owner_file(database, owner))
        if descriptor is not None:
            return _OwnerLock(owner, descriptor)


def _owner_file(database: Path, owner: str) -> Path:
    return database.with_name(f"{database.name}.owner-{owner}.lock")


def _after_fork() -> None:
    # The child is not the owner, and must not keep the lock for a parent that has ended.
    global _lock
    _lock = threading.Lock()
    for lock in _owner_locks.values():
        os.close(lock.descriptor)
    _owner_locks.clear()


def _at_exit() -> None:
    for database in list(_owner_locks):
        with contextlib.suppress(OSError):
            release(database)


fork.register(after_in_child=_after_fork)
atexit.register(_at_exit)
