"""The one service of a process, on the database of the user."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ds_ops_magic.local.service import LocalService
from ds_ops_magic.util import fork
from ds_ops_magic.util.public_names import set_home

_lock = threading.Lock()
_service: LocalService | None = None
_left_to_parent: list[LocalService | None] = []


def shared() -> LocalService:
    """Return the service of this process, started on first use; it runs until `close_shared` or the process's end.

    Its database is the file named by ``DS_OPS_MAGIC_LOCAL_DB``, else ``ds_ops_magic/local.sqlite`` in
    ``$XDG_STATE_HOME`` or ``~/.local/state``; a temporary file if that folder cannot be written to. Several processes
    share the database, and each has a socket of its own. A forked child gets its own service.

    Raises:
        OperationsError: The file exists, and cannot be used.
    """
    global _service
    with _lock:
        if _service is None or not _service.started:
            # Assigned before it is started, so that `close_shared` finds it if this is interrupted.
            _service = LocalService(_usable_path())
            _service.start()
        return _service


def close_shared() -> None:
    """Stop the service of this process, if there is one, as `LocalService.close` does; `shared` starts another."""
    global _service
    with _lock:
        if _service is not None:
            _service.close()
            _service = None


set_home("ds_ops_magic.local", shared, close_shared)


def _usable_path() -> Path | None:
    try:
        path = _path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home
        return None
    return path if os.access(path.parent, os.W_OK | os.X_OK) else None


def _path() -> Path:
    named = os.environ.get("DS_OPS_MAGIC_LOCAL_DB")
    if named:
        return Path(named).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored (XDG base directory specification).
    folder = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return folder / "ds_ops_magic" / "local.sqlite"


def _after_fork() -> None:
    global _lock, _service
    _lock = threading.Lock()
    # Kept, because its destructor would end a gRPC server whose threads are the parent's.
    _left_to_parent.append(_service)
    _service = None


fork.register(after_in_child=_after_fork)
