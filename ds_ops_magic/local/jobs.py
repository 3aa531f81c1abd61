"""Callables as operations: run on any executor, with progress and a cooperative cancel."""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import math
import threading
import time
from concurrent import futures
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobProgress
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata

from ds_ops_magic.local import ends, owners
from ds_ops_magic.local.refusals import TROUBLE, Refusal, refusing
from ds_ops_magic.local.repository import begin_work, packed
from ds_ops_magic.local.results import ABORTED, CANCELLED, JobCancelled, Outcome, clean, failed, raised, returned
from ds_ops_magic.local.store import Row, Store
from ds_ops_magic.model.errors import thread_limit
from ds_ops_magic.util.public_names import restore
from ds_ops_magic.util.threads import DaemonThreads, ThreadLimitReached, join_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

    from ds_ops_magic.local.repository import OperationRepository

_MAX_MESSAGE = 256
_THREADS = "ds_ops_magic job"
_LAST_PATIENCE = 2.0
"""Seconds that the end of the process waits for callables that were asked to stop; then they are cut off."""

# Functions run at exit in reverse order: after the services are closed, which ask, and before the locks of `owners` go.
atexit.register(join_all, _THREADS, _LAST_PATIENCE)


class Reporter:
    """What a callable tells about itself, and learns: its progress, and whether a cancel was asked for.

    It may be pickled, so that it works in another process of this machine, and threads may share it. Where the database
    cannot be reached, progress goes nowhere and nothing is ever cancelled: work does not fail for want of a report.

    Args:
        path: The database.
        operation_id: The operation that the callable is.
    """

    def __init__(self, path: Path, operation_id: str) -> None:
        self.path = path
        self.operation_id = operation_id
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._said: tuple[int, str] | None = None

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far the work is; what is said twice in a row is written once.

        Args:
            fraction: 0.0 to 1.0; what lies outside is clamped, and NaN leaves what was said before.
            message: A few words, for example ``epoch 3 of 5``.
        """
        before = self._said[0] if self._said else 0
        said = (_percent(fraction, before), clean(message, _MAX_MESSAGE))
        if said == self._said:
            return
        now = time.time_ns()
        stamp = Timestamp()
        stamp.FromNanoseconds(now)
        progress = JobProgress(progress=said[0], message=said[1], create_time=stamp)
        metadata = packed(ExecuteProjectJobMetadata(progress=progress))

        def write(row: Row) -> Row | None:
            return None if row.done else row._replace(metadata=metadata, modified_at=max(now, row.modified_at))

        with contextlib.suppress(*TROUBLE):
            self._opened().update(self.operation_id, write)
            self._said = said

    @property
    def cancelled(self) -> bool:
        """Whether a cancel was asked for, here or in another process."""
        with contextlib.suppress(*TROUBLE):
            row = self._opened().read(self.operation_id)
            return row is not None and row.cancel_requested is not None
        return False

    def check(self) -> None:
        """Stop here if a cancel was asked for.

        Raises:
            JobCancelled: It was; let it pass, and the operation ends cancelled.
        """
        if self.cancelled:
            raise JobCancelled(f"operation {self.operation_id} was cancelled")

    def close(self) -> None:
        """Close the connection to the database; the next report opens it again."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = Store(self.path, create=False)
            return self._store

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("Reporter", self.path, self.operation_id)


class Call(NamedTuple):
    """A callable on its way to an executor, picklable if it is."""

    path: Path
    operation_id: str
    function: Callable[..., object]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    reports: bool


def run(call: Call) -> Outcome | None:
    """Run a callable where the executor put it, and record its end there.

    Returns:
        The end, for whoever submitted it to record where the database cannot be written from here (an executor may
        run it on another machine); None when it is recorded, or was cancelled before its turn came.
    """
    with contextlib.closing(Reporter(call.path, call.operation_id)) as reporter:
        try:
            store = reporter._opened()
            if not begin_work(store, call.operation_id):
                return None
        except TROUBLE:
            return _outcome(call, reporter)
        end = _outcome(call, reporter)
        recorded = ends.of(call.path).record(store, call.operation_id, end, time.time_ns())
        return None if recorded else end


class Jobs:
    """The callables that one service was given.

    Args:
        ledger: Where their operations are.
        executor: What runs them; None for threads of our own.
    """

    def __init__(self, ledger: OperationRepository, executor: futures.Executor | None = None) -> None:
        self._ledger = ledger
        self._given = executor
        self._own: futures.Executor | None = None
        self._lock = threading.Lock()
        self._going: dict[str, futures.Future[Outcome | None]] = {}

    def submit(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object], description: str
    ) -> OperationMessage:
        """Hand a callable to the executor.

        Raises:
            TypeError: It cannot be called, or is a coroutine function.
            ValueError: The description is too long, or no string.
            Refusal: It cannot be recorded.
        """
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise TypeError(f"submit takes a callable that is no coroutine function, not {clean(repr(function), 100)}.")
        path = self._ledger.store.path
        with refusing(path):
            owner = owners.current_owner(path)
        message = self._ledger.add_work(owner, description)
        call = Call(path, message.id, function, args, kwargs, _wants_reporter(function, args, kwargs))
        try:
            future = self._executor().submit(run, call)
        except ThreadLimitReached as error:
            self._take_back(message.id)
            raise thread_limit(error) from None
        except BaseException:
            self._take_back(message.id)
            raise
        with self._lock:
            self._going[message.id] = future
        future.add_done_callback(functools.partial(self._done, message.id))
        return message

    def close(self, patience: float) -> None:
        """Ask what runs on threads of our own to stop, and drop what waits there; leave another's executor alone.

        Args:
            patience: The most seconds to wait for them. A callable that does not look at its reporter goes on.
        """
        with self._lock:
            own, self._own = self._own, None
            going = dict(self._going)
        if own is None:
            return
        own.shutdown(wait=False, cancel_futures=True)
        left = {operation_id: future for operation_id, future in going.items() if not future.done()}
        # Where the file cannot be written none of them hears of it.
        with contextlib.suppress(Refusal):
            for operation_id in left:
                self._ledger.cancel(operation_id, patience)
        futures.wait(left.values(), timeout=patience)

    def _take_back(self, operation_id: str) -> None:
        try:
            self._ledger.store.delete(operation_id)
        except TROUBLE:
            self._ledger.end(operation_id, failed(ABORTED))

    def _executor(self) -> futures.Executor:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._own is None:
                self._own = DaemonThreads(_THREADS)
            return self._own

    def _done(self, operation_id: str, future: futures.Future[Outcome | None]) -> None:
        """Record what `run` could not: that it never ran, that its process died, or that it ran too far away."""
        with self._lock:
            self._going.pop(operation_id, None)
        end = _end_of(future)
        if end is not None:
            self._ledger.end(operation_id, end)


def _end_of(future: futures.Future[Outcome | None]) -> Outcome | None:
    try:
        return future.result()
    except futures.CancelledError:
        return failed(CANCELLED)
    except futures.BrokenExecutor:
        return failed(ABORTED)
    except BaseException as error:  # above all: the callable cannot be pickled
        return raised(error.with_traceback(None))


def _outcome(call: Call, reporter: Reporter) -> Outcome:
    extra = {"reporter": reporter} if call.reports else {}
    try:
        return returned(call.function(*call.args, **call.kwargs, **extra))
    except BaseException as error:  # a SystemExit of the callable ends it and not the worker
        first = error.__traceback__
        return raised(error.with_traceback(first.tb_next if first else None))  # the first frame is this one


def _wants_reporter(function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> bool:
    """Tell whether a callable has a parameter ``reporter`` that the caller has not filled."""
    if isinstance(function, functools.partial) and "reporter" in function.keywords:
        return False
    try:
        signature = inspect.signature(function)
        taken = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):  # no signature to see, or wrong arguments, which the call itself will tell
        return False
    found = signature.parameters.get("reporter")
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return found is not None and found.kind in named and "reporter" not in taken


def _percent(fraction: float, before: int) -> int:
    fraction = float(fraction)
    if math.isnan(fraction):
        return before
    # 0.29 * 100 is 28.999...: what is meant is 29.
    return math.floor(100 * min(1.0, max(0.0, fraction)) + 1e-9)
