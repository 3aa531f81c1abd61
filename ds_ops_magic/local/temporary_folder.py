"""Temporary folders that are removed with their process: by itself, or by the next one if it was killed.

A process holds a lock on a file in each of its folders. The kernel frees it when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from ds_ops_magic.local import process_lock
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util import fork
from ds_ops_magic.util.text import tidy

_PREFIX = "ds-ops-"
_LOCK_FILE = "owner.lock"


class TemporaryFolder:
    """A folder of mode 0700 that this process has created, and the descriptor of its lock."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock
        fork.register(after_in_child=self._unlock)  # a child must not keep the lock for a parent that has ended

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._unlock()

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def create(max_path: int | None = None) -> TemporaryFolder:
    """Create a folder, and remove those that killed processes have left beside it.

    It is in ``/tmp`` if the path in the usual place would have more than ``max_path`` bytes.
    """
    try:
        parent = Path(tempfile.gettempdir()).resolve()
        if max_path is not None and len(os.fsencode(parent / _new_name())) > max_path:
            parent = Path("/tmp").resolve()  # noqa: S108  the folder created in it is new, and of mode 0700
        remove_stale(parent)
        while True:
            folder = _try_create(parent / _new_name())
            if folder is not None:
                return folder
    except OSError as error:
        raise OperationsError(
            f"No temporary folder can be made: {tidy(error.strerror or str(error))}.",
            "Make room, or set TMPDIR to a folder that can be written to.",
        ) from error


def remove_stale(parent: Path) -> None:
    """Remove the folders of processes that have ended; of this user alone, and following no link."""
    with contextlib.suppress(OSError), os.scandir(parent) as found:
        for entry in found:
            if entry.name.startswith(_PREFIX):
                with contextlib.suppress(OSError):
                    _remove_if_stale(Path(entry.path))


def _new_name() -> str:
    return f"{_PREFIX}{secrets.token_hex(4)}"


def _try_create(path: Path) -> TemporaryFolder | None:
    # None where the name is taken, or another process removed the folder in the instant before it was locked.
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return None
    try:
        descriptor = process_lock.create(path / _LOCK_FILE)
    except FileNotFoundError:
        return None
    except OSError:
        path.rmdir()
        raise
    return None if descriptor is None else TemporaryFolder(path, descriptor)


def _remove_if_stale(path: Path) -> None:
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) != 0o700 or found.st_uid != os.geteuid():
        return
    try:
        with process_lock.opened(path / _LOCK_FILE) as descriptor:
            if process_lock.acquire(descriptor):
                shutil.rmtree(path, ignore_errors=True)
    except FileNotFoundError:
        os.rmdir(path)  # only if it is empty: its process was killed, or will create another
