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

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobProgress

from ds_ops_magic.local import pending_outcomes, process_lock
from ds_ops_magic.local.errors import DATABASE_ERRORS, StatusError, database_status
from ds_ops_magic.local.job_messages import packed, stored_metadata
from ds_ops_magic.local.repository import begin_job
from ds_ops_magic.local.results import ABORTED, CANCELLED, JobCancelled, Outcome, clean, short_repr
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
_EXIT_TIMEOUT = 2.0
"""Seconds that the end of the process waits for callables that were cancelled."""

# Functions run at exit in reverse order: after the services are closed, which cancel, and before the locks of
# `process_lock` are released.
atexit.register(join_all, _THREADS, _EXIT_TIMEOUT)


class Reporter:
    """Records the progress of a callable, which asks it whether a cancel was requested.

    It may be pickled, so that it works in another process of this machine, and threads may share it. If the database
    cannot be used, progress is dropped and `cancelled` is False: a job does not fail because of its reporter.

    Args:
        path: The database.
        operation_id: The operation of the callable.
    """

    def __init__(self, path: Path, operation_id: str) -> None:
        self.path = path
        self.operation_id = operation_id
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._reported: tuple[int, str] | None = None

    def progress(self, fraction: float, message: str = "") -> None:
        """Record the progress; the same twice in a row is written once.

        Args:
            fraction: 0.0 to 1.0; what lies outside is clamped, and NaN leaves what was recorded before.
            message: A few words, for example ``epoch 3 of 5``.
        """
        before = self._reported[0] if self._reported else 0
        report = (_percent(fraction, before), clean(message, _MAX_MESSAGE))
        if report == self._reported:
            return
        now = time.time_ns()
        stamp = Timestamp()
        stamp.FromNanoseconds(now)
        progress = JobProgress(progress=report[0], message=report[1], create_time=stamp)

        def write(row: Row) -> Row | None:
            if row.done:
                return None
            metadata = stored_metadata(row)
            metadata.progress.CopyFrom(progress)
            return row._replace(metadata=packed(metadata), modified_at=max(now, row.modified_at))

        with contextlib.suppress(*DATABASE_ERRORS, DecodeError):
            self._open().update(self.operation_id, write)
            self._reported = report

    @property
    def cancelled(self) -> bool:
        """Whether a cancel was requested, in this process or another."""
        with contextlib.suppress(*DATABASE_ERRORS):
            row = self._open().read(self.operation_id)
            return row is not None and row.cancel_requested is not None
        return False

    def check(self) -> None:
        """Raise if a cancel was requested.

        Raises:
            JobCancelled: It was; if it is not caught, the operation ends cancelled.
        """
        if self.cancelled:
            raise JobCancelled(f"operation {self.operation_id} was cancelled")

    def close(self) -> None:
        """Close the database; the next report opens it again."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _open(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = Store(self.path, create=False)
            return self._store

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("Reporter", self.path, self.operation_id)


class Call(NamedTuple):
    """A callable as it is given to an executor; picklable if the callable is."""

    path: Path
    operation_id: str
    function: Callable[..., object]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    wants_reporter: bool


def run(call: Call) -> Outcome | None:
    """Run a callable in a thread or process of the executor, and record its outcome there.

    Returns the outcome, for the submitter to record, if the database cannot be written from here (an executor may run
    it on another machine); None if it is recorded, or was cancelled before it started.
    """
    with contextlib.closing(Reporter(call.path, call.operation_id)) as reporter:
        try:
            store = reporter._open()
            if not begin_job(store, call.operation_id):
                return None
        except DATABASE_ERRORS:
            return _run_function(call, reporter)
        outcome = _run_function(call, reporter)
        recorded = pending_outcomes.for_database(call.path).record(store, call.operation_id, outcome, time.time_ns())
        return None if recorded else outcome


class Jobs:
    """The jobs of one service, on an executor, or on threads of the service's own."""

    def __init__(self, repository: OperationRepository, executor: futures.Executor | None = None) -> None:
        self._repository = repository
        self._executor = executor
        self._own_executor: futures.Executor | None = None
        self._lock = threading.Lock()
        self._futures: dict[str, futures.Future[Outcome | None]] = {}

    def submit(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object], description: str
    ) -> OperationMessage:
        """Hand a callable to the executor; raises StatusError if it cannot be recorded."""
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise TypeError(f"submit takes a callable that is no coroutine function, not {short_repr(function, 100)}.")
        path = self._repository.store.path
        with database_status(path):
            owner = process_lock.current_owner(path)
        message = self._repository.add_job(owner, description)
        call = Call(path, message.id, function, args, kwargs, _wants_reporter(function, args, kwargs))
        try:
            future = self._get_executor().submit(run, call)
        except ThreadLimitReached as error:
            self._remove(message.id)
            raise thread_limit(error) from None
        except BaseException:
            self._remove(message.id)
            raise
        with self._lock:
            self._futures[message.id] = future
        future.add_done_callback(functools.partial(self._done, message.id))
        return message

    def close(self, timeout: float) -> None:
        """Cancel the jobs on the service's own threads, and wait at most ``timeout`` seconds for them.

        Those on an executor that was given go on, and so does a callable that does not ask its reporter.
        """
        with self._lock:
            own, self._own_executor = self._own_executor, None
            submitted = dict(self._futures)
        if own is None:
            return
        own.shutdown(wait=False, cancel_futures=True)
        unfinished = {operation_id: future for operation_id, future in submitted.items() if not future.done()}
        with contextlib.suppress(StatusError):  # the file cannot be written, so none of them can be cancelled
            for operation_id in unfinished:
                self._repository.cancel(operation_id, timeout)
        futures.wait(unfinished.values(), timeout=timeout)

    def _remove(self, operation_id: str) -> None:
        try:
            self._repository.store.delete(operation_id)
        except DATABASE_ERRORS:
            self._repository.record_outcome(operation_id, Outcome.from_status(ABORTED))

    def _get_executor(self) -> futures.Executor:
        if self._executor is not None:
            return self._executor
        with self._lock:
            if self._own_executor is None:
                self._own_executor = DaemonThreads(_THREADS)
            return self._own_executor

    def _done(self, operation_id: str, future: futures.Future[Outcome | None]) -> None:
        # What `run` could not record: it never ran, its process died, or it ran on another machine.
        with self._lock:
            self._futures.pop(operation_id, None)
        outcome = _outcome_of(future)
        if outcome is not None:
            self._repository.record_outcome(operation_id, outcome)


def _outcome_of(future: futures.Future[Outcome | None]) -> Outcome | None:
    try:
        return future.result()
    except futures.CancelledError:
        return Outcome.from_status(CANCELLED)
    except futures.BrokenExecutor:
        return Outcome.from_status(ABORTED)
    except BaseException as error:  # above all: the callable cannot be pickled
        return Outcome.from_exception(error.with_traceback(None))


def _run_function(call: Call, reporter: Reporter) -> Outcome:
    extra = {"reporter": reporter} if call.wants_reporter else {}
    try:
        return Outcome.from_value(call.function(*call.args, **call.kwargs, **extra))
    except BaseException as error:  # a SystemExit of the callable ends it and not the worker
        trace = error.__traceback__
        return Outcome.from_exception(error.with_traceback(trace and trace.tb_next))  # the first frame is this one


def _wants_reporter(function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> bool:
    if isinstance(function, functools.partial) and "reporter" in function.keywords:
        return False
    try:
        signature = inspect.signature(function)
        taken = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):  # it has no signature, or the arguments are wrong, and the call itself will raise
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
