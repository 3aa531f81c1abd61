"""A started service: its database, jobs and gRPC server, and how they are opened and closed."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_ops_magic.local import addresses, pending_outcomes, process_lock, temporary_folder
from ds_ops_magic.local.jobs import Jobs
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from ds_ops_magic.local.retention import Retention
    from ds_ops_magic.local.temporary_folder import TemporaryFolder
    from ds_ops_magic.local.tls import TlsFiles

_SOCKET = "ops.sock"
_CLOSE_TIMEOUT = 0.25
"""Seconds that closing waits for the jobs, and again for the calls that are being answered."""


@dataclass
class Server:
    """A started service."""

    pid: int  # the process that started it
    address: str
    repository: OperationRepository
    jobs: Jobs
    _undo: contextlib.ExitStack

    def close(self) -> None:
        self._undo.close()


def start_server(
    path: Path | None,
    listen: str | None,
    token: str | None,
    executor: Executor | None,
    retention: Retention | None,
    files: TlsFiles | None,
) -> Server:
    """Start a service; arguments as of `LocalService`, checked.

    Raises:
        OperationsError: The database cannot be used, the address cannot be listened on, the files are no certificate
            and its key, or no thread can be started.
    """
    # Here, because it imports gRPC.
    from ds_ops_magic.local import grpc_server

    with contextlib.ExitStack() as undo:
        if path is None or listen is None:
            folder = temporary_folder.create(addresses.MAX_SOCKET_PATH - len(f"/{_SOCKET}"))
            undo.callback(folder.remove)
            path = path or _database_in(folder, undo)
            listen = listen or f"unix:{folder.path / _SOCKET}"
        store = _open_store(path)
        undo.callback(store.close)
        repository = OperationRepository(store, retention=retention)
        repository.prune()
        undo.callback(repository.write_pending)
        grpc = grpc_server.start(repository, listen, token, files)
        undo.callback(grpc.stop, _CLOSE_TIMEOUT)
        jobs = Jobs(repository, executor)
        undo.callback(jobs.close, _CLOSE_TIMEOUT)
        return Server(os.getpid(), grpc.address, repository, jobs, undo.pop_all())


def database_error(path: object, error: Exception) -> OperationsError:
    reason = tidy(str(getattr(error, "strerror", None) or error).rstrip("."))
    return OperationsError(f"{tidy(str(path))} cannot be used as a database of operations: {reason}.")


def _database_in(folder: TemporaryFolder, undo: contextlib.ExitStack) -> Path:
    path = folder.path / "operations.sqlite"
    undo.callback(functools.partial(process_lock.release, path))
    undo.callback(functools.partial(pending_outcomes.discard, path))
    return path


def _open_store(path: Path) -> Store:
    try:
        process_lock.remove_stale(path)
        return Store(path)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise database_error(path, error) from error
