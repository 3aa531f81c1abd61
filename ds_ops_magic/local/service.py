"""The public object: serves a database of operations, and adds new ones."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ops_magic.local import addresses
from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.local.server import Server, database_error, start_server
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.local.tls import tls_files
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.grpc_codes import error_for, meaning_of
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.util import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from types import TracebackType

    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

    from ds_ops_magic.local.retention import Retention


class _Start:
    """One call of `LocalService.start`, which may be interrupted at any moment."""

    server: Server | None = None
    cancelled = False


class LocalService:
    """A local OperationService: a gRPC server on a SQLite file.

    Use it as a context manager, or `start` and `close` it. It may be started again. Its methods may be called from any
    thread.

    It is closed when the process ends, which takes about three seconds at most: a callable that has not looked at its
    reporter by then is stopped wherever it is, without running its ``finally``, and its operation ends ABORTED. A
    callable on an executor that was given delays the end of the process as that executor does.

    Args:
        path: The database, created if it does not exist (mode 0600); None for one in a temporary folder.
        listen: ``unix:PATH`` or ``127.0.0.1:PORT`` (0: any free port); None for a unix socket in a temporary folder of
            mode 0700, which other users cannot reach.
        token: A bearer token that calls must carry; None for no token.
        executor: Runs the callables of `submit`; None for threads of the service's own, which `close` stops.
        retention: How long operations that are done are kept; None for 30 days, and 10,000 of them.
        tls_cert: A file in PEM with a certificate, and those of its issuers, for TLS; it is read by `start`.
        tls_key: A file in PEM with its key, which has no password.

    Raises:
        ValueError: The address is invalid or reachable from other machines, the token is not printable ASCII, or of
            certificate and key one is missing.
        OperationsError: The path cannot be that of a database.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        listen: str | None = None,
        token: str | None = None,
        executor: Executor | None = None,
        retention: Retention | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
    ) -> None:
        if token is not None and not (token and token.isascii() and token.isprintable()):
            raise ValueError("A token consists of printable ASCII characters, at least one.")
        self._path = None if path is None else _resolved(path)
        self._listen = None if listen is None else addresses.check(listen)
        self._token = token
        self._executor = executor
        self._retention = retention
        self._tls = tls_files(tls_cert, tls_key)
        self._lock = threading.Lock()  # for starting and closing
        self._server: Server | None = None

    def start(self) -> LocalService:
        """Start serving; no effect if it is started. If this is interrupted, the service is closed again.

        Raises:
            OperationsError: The database cannot be used, the address cannot be listened on, the certificate cannot be
                used, or no thread can be started.
        """
        start = _Start()
        try:
            threads.uninterrupted(lambda: self._start(start))
            return self
        except BaseException:
            start.cancelled = True
            threads.uninterrupted(lambda: self._undo_start(start))
            raise

    def close(self) -> None:
        """Stop serving, within about half a second; closing twice is no error.

        Jobs on the service's own threads are cancelled, and those that have not started never do. Jobs on an executor
        that was given go on.
        """
        server = self._server
        if server is not None and server.pid != os.getpid():
            # A forked child has a copy of the object, and none of its threads; its lock may be held for ever.
            self._server = None
            atexit.unregister(self.close)
        elif server is not None or self._lock.locked():
            threads.uninterrupted(self._close)

    @property
    def started(self) -> bool:
        """Whether it serves."""
        return self._server is not None

    @property
    def address(self) -> str:
        """Where it listens, for example ``unix:/tmp/x/ops.sock`` or ``127.0.0.1:41234``."""
        return self._started_server().address

    @property
    def path(self) -> Path:
        """The database."""
        return self._started_server().repository.store.path

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
        with _errors("Nothing was started"):
            return Operation(self._started_server().jobs.submit(function, args, kwargs, description))

    def simulate(
        self,
        duration: float = 3.0,
        steps: int = 5,
        outcome: str = "success",
        description: str = "",
        *,
        log: Sequence[str | tuple[str, str]] | None = None,
        return_code: int = 0,
        graceful: float | None = None,
        file_errors: Sequence[str] = (),
    ) -> Operation:
        """Add a simulated operation, which is a job.

        Args:
            duration: Seconds.
            steps: Number of steps of equal length.
            outcome: ``success``, ``failure``, ``failing``, ``cancelled`` or ``no-cancel``; see `Simulation`.
            description: What it is, at most 256 characters.
            log: Lines that appear evenly over the duration: each is a text of stdout, or a pair of a source and a text.
                A source is ``stdout``, ``stderr`` or the path of a file, for example ``.system.log``.
            return_code: What the program of the job returns, where the outcome is a success.
            graceful: Seconds that a graceful cancel of the job takes; None: it knows no graceful shutdown.
            file_errors: Paths of output files that cannot be stored at a success.

        Raises:
            ValueError: An argument is out of its range.
            OperationsError: The service is not started, or the operation cannot be recorded.
        """
        with _errors("Nothing was started"):
            simulation = Simulation(duration, steps, outcome, return_code, graceful, file_errors, log)
            return Operation(self._started_server().repository.add_simulation(simulation, description))

    def get(self, operation_id: str) -> Operation:
        """Return an operation, without a call over the network.

        Raises:
            OperationNotFound: No operation has this id.
        """
        return _ask(self._started_server().repository.get, operation_id, "get")

    def cancel(self, operation_id: str) -> Operation:
        """Request the cancel of an operation, without a call over the network.

        Raises:
            OperationNotFound: No operation has this id.
            CancelNotSupported: It cannot be cancelled.
        """
        return _ask(self._started_server().repository.cancel, operation_id, "cancel")

    def operations(self) -> Operations[Operation]:
        """Return every operation of the database, the newest first.

        Raises:
            OperationsError: The service is not started, or its database cannot be read.
        """
        with _errors("The operations go on"):
            return Operations(map(Operation, self._started_server().repository.list()))

    def __enter__(self) -> LocalService:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        server = self._server
        return f"LocalService({server.address if server else 'not started'})"

    def _started_server(self) -> Server:
        server = self._server
        if server is None:
            raise OperationsError(
                "This LocalService is not started.", "Call its start(), or use it in a with statement."
            )
        if server.pid != os.getpid():
            raise OperationsError("This LocalService belongs to the process that this one was forked from.")
        return server

    def _start(self, start: _Start) -> None:
        with self._lock:
            if self._server is None and not start.cancelled:
                start.server = start_server(
                    self._path, self._listen, self._token, self._executor, self._retention, self._tls
                )
                self._server = start.server
                atexit.register(self.close)

    def _undo_start(self, start: _Start) -> None:
        with self._lock:
            started = start.server is not None and start.server is self._server
        if started:
            self._close()

    def _close(self) -> None:
        with self._lock:
            server, self._server = self._server, None
            if server is not None:
                atexit.unregister(self.close)
                server.close()


def _resolved(path: str | os.PathLike[str]) -> Path:
    try:
        # Resolved, because processes that share a file find each other's lock files beside it.
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop of links, a zero byte
        raise database_error(path, error) from error


@contextlib.contextmanager
def _errors(consequence: str) -> Iterator[None]:
    try:
        yield
    except StatusError as error:
        error_type = meaning_of(error.code).error
        hint = "" if error.code == "DATA_LOSS" else " Try again when that is fixed."
        raise error_type(f"{error.message}.", f"{consequence}.{hint}") from error.__cause__


def _ask(ask: Callable[[str], OperationMessage], operation_id: str, action: str) -> Operation:
    try:
        return Operation(ask(operation_id))
    except StatusError as error:
        raise error_for(error.code, error.message, operation_id, action) from error.__cause__
