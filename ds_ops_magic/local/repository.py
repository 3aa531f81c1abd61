"""Operations as they are now: rows of the store, advanced by the clock, by cancels, and by processes that ended."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import secrets
import sqlite3
import string
import time
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata

from ds_ops_magic.local import pending_outcomes, process_lock
from ds_ops_magic.local.errors import StatusError, database_status
from ds_ops_magic.local.job_messages import (
    CLONE_PREFIX,
    OPERATION_PREFIX,
    clone_message,
    operation_message,
    packed,
    with_state,
    with_stored,
)
from ds_ops_magic.local.results import ABORTED, CANCELLED, Outcome, clean, short_repr
from ds_ops_magic.local.retention import Pruner, Retention
from ds_ops_magic.local.simulated_job import SimulatedJob, job_of, log_text_of, log_to_text, text_of
from ds_ops_magic.local.simulation import CANCEL_DURATION, Simulation
from ds_ops_magic.local.store import Row, Store
from ds_ops_magic.model.ids import MAX_ID_LENGTH
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

MAX_DESCRIPTION = 256
"""The most characters of a description, as at the real service (``operation.proto``)."""

_LETTERS = string.ascii_lowercase + string.digits
_MAX_REASON = 200


class _Cancel(NamedTuple):
    reason: str
    graceful: bool


class OperationRepository:
    """The operations of one store, as the service answers them; ``clock`` gives nanoseconds since the epoch.

    Its methods raise `StatusError` where the database cannot be used.
    """

    def __init__(
        self, store: Store, clock: Callable[[], int] = time.time_ns, retention: Retention | None = None
    ) -> None:
        self.store = store
        self.now = clock
        self._pending = pending_outcomes.for_database(store.path)
        self._pruner = Pruner(store, retention or Retention(), clock, self._current)

    def add_simulation(self, simulation: Simulation, description: str = "") -> OperationMessage:
        row = self.add_simulated_job(SimulatedJob(simulation), log_to_text(simulation), description)
        return operation_message(with_state(row, row.created_at))

    def add_simulated_job(self, job: SimulatedJob, log_text: str, description: str = "") -> Row:
        """Add a simulated operation; ``log_text`` as of `simulated_job.log_text_of`."""
        row = self._new(description)._replace(simulation=text_of(job, log_text))
        self._insert(row, durable=False)
        return row

    def add_job(self, owner: str, description: str = "") -> OperationMessage:
        """Add a job of a process (`process_lock`) that has not started."""
        row = self._new(description)._replace(owner=owner, metadata=packed(ExecuteProjectJobMetadata()))
        self._insert(row, durable=True)
        return operation_message(row)

    def get(self, operation_id: str) -> OperationMessage:
        with self.database_status():
            if (clone := self._clone(operation_id)) is not None:
                return clone
            row = self._current(self._read(operation_id))
            if is_waiting(row):
                raise _not_found(operation_id)
            return operation_message(row)

    def cancel(
        self, operation_id: str, timeout: float | None = None, *, reason: str = "", graceful: bool = False
    ) -> OperationMessage:
        """Answer Cancel: the result of an operation that is done, else that it is being cancelled.

        A ``graceful`` cancel of a simulated job takes as long as its simulation says; one that is not ends it soon,
        also after a graceful one. ``timeout``: seconds to wait for another process that is writing.
        """
        cancel = _Cancel(clean(reason, _MAX_REASON), graceful)
        with self.database_status():
            if (clone := self._clone(operation_id)) is not None:
                return clone
            current = self._current(self._read(operation_id))
            if is_waiting(current):
                raise _not_found(operation_id)
            if current.done:
                return operation_message(current)
            change = functools.partial(self._request_cancel, cancel)
            requested = self.store.update(operation_id, change, timeout=timeout) or current
            # The state at the time of the request: however long this takes, the answer is that it is being cancelled.
            return operation_message(with_state(requested, requested.cancel_requested or self.now()))

    def _clone(self, operation_id: str) -> OperationMessage | None:
        """Return the operation that cloned a job, None where this is not the id of one."""
        if not operation_id.startswith(CLONE_PREFIX):
            return None
        row = self.store.read(OPERATION_PREFIX + operation_id.removeprefix(CLONE_PREFIX))
        is_clone = row is not None and row.simulation is not None and job_of(row.simulation).requests.cloned_at
        return clone_message(row) if row is not None and is_clone else None

    def page(self, before: int, limit: int) -> list[tuple[int, Row]]:
        """Return a page of rows as they are now, as `Store.page` does."""
        with self.database_status():
            return [(number, self._current(row)) for number, row in self.store.page(before, limit)]

    def list(self) -> list[OperationMessage]:
        """Return every operation, the newest first."""
        with self.database_status():
            return [operation_message(self._current(row)) for row in self.store.rows() if not is_waiting(row)]

    def current(self, operation_id: str) -> Row:
        """Return the row of an operation as it is now, without its log; also of a job that waits for Execute."""
        with self.database_status():
            return self._current(self._read(operation_id))

    def log_text(self, operation_id: str) -> str:
        """Return the log of a simulated operation, as `simulated_job.log_of` reads it."""
        with self.database_status():
            row = self.store.read_with_log(operation_id)
            return log_text_of(row.simulation) if row is not None and row.simulation is not None else ""

    def change(self, operation_id: str, change: Callable[[Row], Row | None]) -> Row:
        """Change a row as `Store.update` does, and return it as it is now."""
        with self.database_status():
            row = self.store.update(operation_id, change)
            if row is None:
                raise _not_found(operation_id)
            return self._current(row)

    def database_status(self) -> contextlib.AbstractContextManager[None]:
        return database_status(self.store.path)

    def record_outcome(self, operation_id: str, outcome: Outcome) -> None:
        """Record the outcome of a job, unless it has one: at once, or when the file can be written again."""
        self._pending.record(self.store, operation_id, outcome, self.now())

    def write_pending(self) -> None:
        self._pending.write()

    def prune(self) -> None:
        self._pruner.prune()

    def _insert(self, row: Row, *, durable: bool) -> None:
        with self.database_status():
            self.store.insert(row, durable=durable)
        self._pruner.after_insert()

    def _new(self, description: str) -> Row:
        if not isinstance(description, str):
            raise ValueError(
                f"description is a string of at most {MAX_DESCRIPTION} characters, not {short_repr(description)}."
            )
        if len(description) > MAX_DESCRIPTION:
            raise ValueError(
                f"A description has at most {MAX_DESCRIPTION} characters, and this one has {len(description):,}."
            )
        now = self.now()
        operation_id = OPERATION_PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(17))
        # Protobuf refuses the lone surrogates a Python string can hold.
        text = description.encode("utf-8", "replace").decode("utf-8")
        return Row(operation_id, text, created_at=now, created_by=_user(), modified_at=now)

    def _read(self, operation_id: str) -> Row:
        if not operation_id or len(operation_id) > MAX_ID_LENGTH:
            raise StatusError("INVALID_ARGUMENT", f"An operation id has 1 to {MAX_ID_LENGTH} characters")
        row = self.store.read(operation_id)
        if row is None:
            raise _not_found(operation_id)
        return row

    def _current(self, row: Row, timeout: float | None = None) -> Row:
        # An end that is seen for the first time is written, and stays though the clock is set back.
        stored = self._pending.apply_to(row)
        current = self._as_of_now(stored)
        if current.done and not stored.done:
            return self._write_end(current, timeout)
        return current

    def _write_end(self, current: Row, timeout: float | None) -> Row:
        if current.simulation is None:
            return self.store.update(current.id, self._if_ended, timeout=timeout) or current
        # The end of a simulation is computed, and is the same at the next request: no request waits for the file.
        with contextlib.suppress(sqlite3.OperationalError):
            return self.store.update(current.id, self._if_ended, timeout=0) or current
        return current

    def _if_ended(self, row: Row) -> Row | None:
        current = self._as_of_now(self._pending.apply_to(row))
        return current if current.done and not row.done else None

    def _request_cancel(self, cancel: _Cancel, row: Row) -> Row | None:
        ended = self._if_ended(row)
        if row.done or ended is not None:
            return ended
        now = self.now()
        now = max(now, with_state(row, now).modified_at)
        if row.simulation is not None:
            return _cancel_simulated(row, row.simulation, cancel, now)
        if row.cancel_requested is not None:
            return None
        metadata = with_stored(row.metadata, status_details=cancel.reason) if cancel.reason else row.metadata
        return row._replace(cancel_requested=now, modified_at=now, metadata=metadata)

    def _as_of_now(self, row: Row) -> Row:
        now = self.now()
        if row.done or row.simulation is not None:
            return with_state(row, now)
        if row.cancel_requested is not None and not row.started:
            return pending_outcomes.with_outcome(row, Outcome.from_status(CANCELLED), now)
        if not process_lock.is_alive(self.store.path, row.owner):
            return pending_outcomes.with_outcome(row, Outcome.from_status(ABORTED), now)
        return with_state(row, now)


def _cancel_simulated(row: Row, text: str, cancel: _Cancel, now: int) -> Row | None:
    # The time of this change is computed.
    job = job_of(text)
    if not job.simulation.cancellable:
        raise StatusError("UNIMPLEMENTED", "Cancel is not supported for this operation")
    changes: dict[str, object] = {"reason": cancel.reason} if cancel.reason else {}
    if row.cancel_requested is None:
        if cancel.graceful:
            changes["cancel_ends"] = now + job.simulation.graceful_length
    elif cancel.graceful or job.requests.cancel_ends is None:
        return None
    else:
        changes["cancel_ends"] = min(job.requests.cancel_ends, now + CANCEL_DURATION)
    if changes:
        text = text_of(job.asked(**changes), log_text_of(text))
    return row._replace(cancel_requested=row.cancel_requested or now, simulation=text)


def begin_job(store: Store, operation_id: str) -> bool:
    """Record that this process starts a job; False if it was cancelled before, or is done."""
    owner = process_lock.current_owner(store.path)

    def begin(row: Row) -> Row | None:
        if row.done or row.cancel_requested is not None:
            return None
        started_at = Timestamp()
        started_at.GetCurrentTime()
        return row._replace(started=True, owner=owner, metadata=with_stored(row.metadata, started_at=started_at))

    row = store.update(operation_id, begin, durable=True)
    return row is not None and row.started and row.owner == owner and not row.done


def is_waiting(row: Row) -> bool:
    """Whether this is a job for which Execute was not called: there is no operation yet."""
    return row.simulation is not None and not row.done and job_of(row.simulation).requests.waits


def _not_found(operation_id: str) -> StatusError:
    return StatusError("NOT_FOUND", f"Operation {tidy(operation_id)} not found")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a user id that has no name
        return f"uid {os.getuid()}"
