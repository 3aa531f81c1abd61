"""The service as an object: a context manager that serves a database of operations, and makes new ones."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ds_ops_magic.local import addresses, running
from ds_ops_magic.local.refusals import Refusal
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.grpc_codes import error_for, meaning_of
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.util import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from types import TracebackType

    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

    from ds_ops_magic.local.retention import Retention
    from ds_ops_magic.local.running import Running


class _Start:
    """One call of `LocalService.start`, as far as it has come."""

    running: Running | None = None
    withdrawn = False


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
    ) -> None:
        if token is not None and not (token and token.isascii() and token.isprintable()):
            raise ValueError("A token is made of printable ASCII characters, one at least.")
        self._path = None if path is None else _resolved(path)
        self._listen = None if listen is None else addresses.check(listen)
        self._token = token
        self._executor = executor
        self._retention = retention
        self._lock = threading.Lock()  # starting and closing come one after the other
        self._running: Running | None = None

    def start(self) -> LocalService:
        """Start serving; a service that has started is left as it is.

        Where this is interrupted, what it has started is closed again.

        Raises:
            OperationsError: The database cannot be used, the address cannot be listened on, or no thread can be
                started.
        """
        start = _Start()
        try:
            threads.uninterrupted(lambda: self._start(start))
            return self
        except BaseException:
            start.withdrawn = True
            threads.uninterrupted(lambda: self._withdraw(start))
            raise

    def close(self) -> None:
        """Stop serving, within about half a second; closing twice is no error.

        Callables on threads of its own are asked to stop, and those that have not begun are dropped: they end
        cancelled. Callables on an executor that was given go on.
        """
        running = self._running
        if running is not None and running.pid != os.getpid():
            # A forked child has a copy of the object, and none of its threads; its lock may be held for ever.
            self._running = None
            atexit.unregister(self.close)
        elif running is not None or self._lock.locked():
            threads.uninterrupted(self._close)

    @property
    def started(self) -> bool:
        """Whether it serves."""
        return self._running is not None

    @property
    def address(self) -> str:
        """Where it listens, for example ``unix:/tmp/x/ops.sock`` or ``127.0.0.1:41234``."""
        return self._now().address

    @property
    def path(self) -> Path:
        """The database."""
        return self._now().ledger.store.path

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
        """Begin an operation that only passes the time; arguments as of `Simulation`.

        Raises:
            ValueError: An argument is out of its range.
            OperationsError: The service is not started, or the operation cannot be recorded.
        """
        with _told("Nothing was begun"):
            return Operation(self._now().ledger.add_simulation(Simulation(duration, steps, outcome), description))

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

    def _now(self) -> Running:
        running = self._running
        if running is None:
            raise OperationsError(
                "This LocalService is not started.", "Call its start(), or use it in a with statement."
            )
        if running.pid != os.getpid():
            raise OperationsError("This LocalService belongs to the process that this one was forked from.")
        return running

    def _start(self, start: _Start) -> None:
        with self._lock:
            if self._running is None and not start.withdrawn:
                start.running = running.start(self._path, self._listen, self._token, self._executor, self._retention)
                self._running = start.running
                atexit.register(self.close)

    def _withdraw(self, start: _Start) -> None:
        with self._lock:
            started = start.running is not None and start.running is self._running
        if started:
            self._close()

    def _close(self) -> None:
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                atexit.unregister(self.close)
                running.close()


def _resolved(path: str | os.PathLike[str]) -> Path:
    try:
        # Resolved, because processes that share a file find each other's lock files beside it.
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop of links, a zero byte
        raise running.unusable(path, error) from error


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
        raise error_for(refusal.code, refusal.words, operation_id, doing) from refusal.__cause__
