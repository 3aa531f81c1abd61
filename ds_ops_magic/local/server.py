"""The service as an object: a context manager that serves a database of operations, and makes new ones."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ops_magic import wording
from ds_ops_magic.codes import meaning_of, refused
from ds_ops_magic.errors import OperationsError
from ds_ops_magic.local import addresses, ends, owners
from ds_ops_magic.local.courses import Course
from ds_ops_magic.local.jobs import Jobs
from ds_ops_magic.local.ledger import Ledger
from ds_ops_magic.local.refusals import Refusal
from ds_ops_magic.local.store import Store
from ds_ops_magic.operation import Operation
from ds_ops_magic.operations import Operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from types import TracebackType

    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

    from ds_ops_magic.local.retention import Retention
    from ds_ops_magic.local.service import Served

_SOCKET = "ops.sock"
_PATIENCE = 0.25
"""Seconds that closing waits for the callables, and again for the calls that are being answered."""


@dataclass
class _Running:
    """What a started service holds, in the order in which it is given up."""

    pid: int
    jobs: Jobs
    served: Served
    store: Store
    folder: Path
    ledger: Ledger

    @property
    def address(self) -> str:
        return self.served.address

    def close(self) -> None:
        self.jobs.close(_PATIENCE)
        self.served.stop(_PATIENCE)
        self.ledger.write_ends()
        self.store.close()
        _remove(self.folder, self.store.path)


class LocalService:
    """An OperationService of one's own: a real gRPC server on a SQLite file.

    Use it as a context manager, or `start` and `close` it. It may be started again. Its methods may be called from any
    thread.

    What is not closed is closed when the process ends, which it does within about three seconds: a callable that has
    not looked at its reporter by then is cut off wherever it is, with no ``finally`` of it run, and its operation ends
    ABORTED. A callable on an executor that was given holds up the end of the process as that executor does.

    Args:
        path: The database, made where there is none (mode 0600); None for one in a temporary folder.
        listen: ``unix:PATH`` or ``127.0.0.1:PORT`` (0: any free port); None for a unix socket in a temporary folder of
            mode 0700, which nobody else on the machine can reach.
        token: A bearer token that calls must carry; None asks for none.
        executor: What runs the callables of `submit`; None for threads of its own, which `close` stops.
        retention: How long operations are kept that are over; None for 30 days, and 10,000 of them.

    Raises:
        ValueError: The address is reachable from other machines, or is none; or the token is empty.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        listen: str | None = None,
        token: str | None = None,
        executor: Executor | None = None,
        retention: Retention | None = None,
    ) -> None:
        if token is not None and not (token and token.isascii() and token.isprintable()):
            raise ValueError("A token is made of printable ASCII characters, one at least.")
        # Resolved, because processes that share a file find each other's lock files beside it.
        self._path = None if path is None else Path(path).expanduser().resolve()
        self._listen = None if listen is None else addresses.check(listen)
        self._token = token
        self._executor = executor
        self._retention = retention
        self._lock = threading.RLock()
        self._running: _Running | None = None

    def start(self) -> LocalService:
        """Start serving; a service that has started is left as it is.

        Raises:
            OperationsError: The database cannot be used, or the address cannot be listened on.
        """
        with self._lock:
            if self._running is None:
                self._running = self._started()
                atexit.register(self.close)
        return self

    def close(self) -> None:
        """Stop serving, within about half a second; closing twice is no error.

        Callables on threads of its own are asked to stop, and those that have not begun are dropped: they end
        cancelled. Callables on an executor that was given go on.
        """
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            atexit.unregister(self.close)
            # A forked child has a copy of the object, and none of its threads.
            if running.pid == os.getpid():
                running.close()

    @property
    def address(self) -> str:
        """Where it listens, for example ``unix:/tmp/x/ops.sock`` or ``127.0.0.1:41234``."""
        return self._now().address

    @property
    def path(self) -> Path:
        """The database."""
        return self._now().store.path

    def submit(
        self, function: Callable[..., object], /, *args: object, description: str = "", **kwargs: object
    ) -> Operation:
        """Run a callable as an operation.

        Args:
            function: What to run. If it has a parameter ``reporter`` it gets a `Reporter`.
            *args: Its arguments.
            description: What it is, at most 256 characters; it is not passed on.
            **kwargs: Its keyword arguments.

        Returns:
            The operation as it was recorded. What the callable returns becomes its response, what it raises its error.

        Raises:
            TypeError: It cannot be called, or is a coroutine function.
            ValueError: The description is too long, or no string.
            OperationsError: The service is not started, or the operation cannot be recorded.
        """
        with _told("Nothing was begun"):
            return Operation(self._now().jobs.submit(function, args, kwargs, description))

    def simulate(
        self, duration: float = 3.0, steps: int = 5, outcome: str = "success", description: str = ""
    ) -> Operation:
        """Begin an operation that only passes the time; arguments as of `Course`.

        Raises:
            ValueError: An argument is out of its range.
            OperationsError: The service is not started, or the operation cannot be recorded.
        """
        with _told("Nothing was begun"):
            return Operation(self._now().ledger.add_course(Course(duration, steps, outcome), description))

    def get(self, operation_id: str) -> Operation:
        """Return an operation, without a call over the network.

        Raises:
            OperationNotFound: There is none of this id.
        """
        return _ask(self._now().ledger.get, operation_id, "get")

    def cancel(self, operation_id: str) -> Operation:
        """Ask an operation to stop, without a call over the network.

        Raises:
            OperationNotFound: There is none of this id.
            CancelNotSupported: It cannot be cancelled.
        """
        return _ask(self._now().ledger.cancel, operation_id, "cancel")

    def operations(self) -> Operations[Operation]:
        """Return every operation of the database, the newest first.

        Raises:
            OperationsError: The service is not started, or its database cannot be read.
        """
        with _told("The operations go on"):
            return Operations(map(Operation, self._now().ledger.list()))

    def __enter__(self) -> LocalService:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        running = self._running
        return f"LocalService({running.address if running else 'not started'})"

    def _now(self) -> _Running:
        running = self._running
        if running is None:
            raise OperationsError(
                "This LocalService is not started.", "Call its start(), or use it in a with statement."
            )
        if running.pid != os.getpid():
            raise OperationsError("This LocalService belongs to the process that this one was forked from.")
        return running

    def _started(self) -> _Running:
        # It imports gRPC, which whoever only imports this module need not pay for.
        from ds_ops_magic.local import service

        folder = _private_folder()
        path = self._path or folder / "operations.sqlite"
        store = None
        try:
            store = _opened(path)
            ledger = Ledger(store, retention=self._retention)
            ledger.prune()
            listen = self._listen or f"unix:{folder / _SOCKET}"
            served = service.serve(ledger, listen, self._token)
        except BaseException:
            if store is not None:
                store.close()
            _remove(folder, path)
            raise
        return _Running(os.getpid(), Jobs(ledger, self._executor), served, store, folder, ledger)


def _opened(path: Path) -> Store:
    try:
        owners.sweep(path)
        return Store(path)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise OperationsError(
            f"{path} cannot be used as a database of operations: {wording.one_line(str(why))}."
        ) from error


def _private_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="ds-ops-")
    if len(os.fsencode(folder)) + len(f"/{_SOCKET}") > addresses.MAX_SOCKET_PATH:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="ds-ops-", dir="/tmp")  # made anew, mode 0700
    return Path(folder).resolve()


def _remove(folder: Path, database: Path) -> None:
    if database.parent == folder:
        ends.forget(database)
        owners.release(database)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _told(otherwise: str) -> Iterator[None]:
    """Tell what the service refuses in the words of this package; ``otherwise`` is how everything stands then."""
    try:
        yield
    except Refusal as refusal:
        kind = meaning_of(refusal.code).error
        hint = "" if refusal.code == "DATA_LOSS" else " Try again when that is mended."
        raise kind(f"{refusal.words}.", f"{otherwise}.{hint}") from refusal.__cause__


def _ask(ask: Callable[[str], OperationMessage], operation_id: str, doing: str) -> Operation:
    try:
        return Operation(ask(operation_id))
    except Refusal as refusal:
        raise refused(refusal.code, refusal.words, operation_id, doing) from refusal.__cause__
