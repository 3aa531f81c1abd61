"""What a started service holds, and how it is made and given up."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_ops_magic.local import addresses, ends, folders, owners
from ds_ops_magic.local.jobs import Jobs
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from ds_ops_magic.local.folders import Folder
    from ds_ops_magic.local.retention import Retention

_SOCKET = "ops.sock"
_PATIENCE = 0.25
"""Seconds that closing waits for the callables, and again for the calls that are being answered."""


@dataclass
class Running:
    """What a started service holds.

    Attributes:
        pid: The process that started it.
        address: Where it listens, with the real port.
        ledger: Its operations.
        jobs: Its callables.
    """

    pid: int
    address: str
    ledger: OperationRepository
    jobs: Jobs
    _undo: contextlib.ExitStack

    def close(self) -> None:
        """Give it all up, in the reverse order."""
        self._undo.close()


def start(
    path: Path | None, listen: str | None, token: str | None, executor: Executor | None, retention: Retention | None
) -> Running:
    """Start serving; arguments as of `LocalService`, checked.

    Raises:
        OperationsError: The database cannot be used, the address cannot be listened on, or no thread can be started.
    """
    # It imports gRPC, which whoever only imports this module need not pay for.
    from ds_ops_magic.local import grpc_server

    with contextlib.ExitStack() as undo:
        if path is None or listen is None:
            folder = folders.make(addresses.MAX_SOCKET_PATH - len(f"/{_SOCKET}"))
            undo.callback(folder.remove)
            path = path or _database_in(folder, undo)
            listen = listen or f"unix:{folder.path / _SOCKET}"
        store = _opened(path)
        undo.callback(store.close)
        ledger = OperationRepository(store, retention=retention)
        ledger.prune()
        undo.callback(ledger.write_ends)
        served = grpc_server.serve(ledger, listen, token)
        undo.callback(served.stop, _PATIENCE)
        jobs = Jobs(ledger, executor)
        undo.callback(jobs.close, _PATIENCE)
        return Running(os.getpid(), served.address, ledger, jobs, undo.pop_all())


def unusable(path: object, error: Exception) -> OperationsError:
    """Make the error for a database that cannot be used."""
    why = tidy(str(getattr(error, "strerror", None) or error).rstrip("."))
    return OperationsError(f"{tidy(str(path))} cannot be used as a database of operations: {why}.")


def _database_in(folder: Folder, undo: contextlib.ExitStack) -> Path:
    path = folder.path / "operations.sqlite"
    undo.callback(functools.partial(owners.release, path))
    undo.callback(functools.partial(ends.forget, path))
    return path


def _opened(path: Path) -> Store:
    try:
        owners.sweep(path)
        return Store(path)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise unusable(path, error) from error
