"""Lock files: held for as long as a process lives, and seen to be free when it has ended."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def create(path: Path) -> int:
    """Make a lock file of mode 0600, and return its descriptor.

    Raises:
        OSError: It cannot be made, or is there.
    """
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)


def open_(path: Path) -> int:
    """Open a lock file that is there, and return its descriptor.

    Raises:
        OSError: It is not there, cannot be opened, or is a link.
    """
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)


def take(descriptor: int, *, shared: bool = False) -> bool:
    """Take a lock if nobody else has it, and tell whether it is taken; closing the descriptor frees it."""
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
