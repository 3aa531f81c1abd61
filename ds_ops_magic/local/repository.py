"""Operations as they are now: rows of the store, advanced by the clock, by cancels, and by processes that ended."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import sqlite3
import string
import time
from typing import TYPE_CHECKING

from google.protobuf.any_pb2 import Any as AnyMessage
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.local import pending_outcomes, process_lock
from ds_ops_magic.local.errors import Damaged, StatusError, database_status
from ds_ops_magic.local.results import ABORTED, CANCELLED, CANCELLING, Outcome, short_repr
from ds_ops_magic.local.retention import Pruner, Retention
from ds_ops_magic.local.simulation import Simulation, state_at
from ds_ops_magic.local.store import Row, Store
from ds_ops_magic.model.ids import MAX_ID_LENGTH
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

MAX_DESCRIPTION = 256
"""The most characters of a description, as at the real service (``operation.proto``)."""

_LETTERS = string.ascii_lowercase + string.digits


class OperationRepository:
    """The operations of one store, as the service answers them; ``clock`` gives nanoseconds since the epoch.

    Its methods raise `StatusError` where the database cannot be used.
    """

    def __init__(
        self, store: Store, clock: Callable[[], int] = time.time_ns, retention: Retention | None = None
    ) -> None:
        self.store = store
        self._clock = clock
        self._pending = pending_outcomes.for_database(store.path)
        self._pruner = Pruner(store, retention or Retention(), clock, self._current)

    def add_simulation(self, simulation: Simulation, description: str = "") -> OperationMessage:
        row = self._new(description)._replace(simulation=simulation.to_json())
        self._insert(row, durable=False)
        return _message(_with_state(row, row.created_at))

    def add_job(self, owner: str, description: str = "") -> OperationMessage:
        """Add a job of a process (`process_lock`) that has not started."""
        row = self._new(description)._replace(owner=owner, metadata=packed(ExecuteProjectJobMetadata()))
        self._insert(row, durable=True)
        return _message(row)

    def get(self, operation_id: str) -> OperationMessage:
        with database_status(self.store.path):
            return _message(self._current(self._read(operation_id)))

    def cancel(self, operation_id: str, timeout: float | None = None) -> OperationMessage:
        """Answer Cancel: the result of an operation that is done, else that it is being cancelled."""
        with database_status(self.store.path):
            current = self._current(self._read(operation_id))
            if current.done:
                return _message(current)
            requested = self.store.update(operation_id, self._request_cancel, timeout=timeout) or current
            # The state at the time of the request: however long this takes, the answer is that it is being cancelled.
            return _message(_with_state(requested, requested.cancel_requested or self._clock()))

    def list(self) -> list[OperationMessage]:
        """Return every operation, the newest first."""
        with database_status(self.store.path):
            return [_message(self._current(row)) for row in self.store.rows()]

    def record_outcome(self, operation_id: str, outcome: Outcome) -> None:
        """Record the outcome of a job, unless it has one: at once, or when the file can be written again."""
        self._pending.record(self.store, operation_id, outcome, self._clock())

    def write_pending(self) -> None:
        self._pending.write()

    def prune(self) -> None:
        self._pruner.prune()

    def _insert(self, row: Row, *, durable: bool) -> None:
        with database_status(self.store.path):
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
        now = self._clock()
        operation_id = "loc" + "".join(secrets.choice(_LETTERS) for _ in range(17))
        # Protobuf refuses the lone surrogates a Python string can hold.
        text = description.encode("utf-8", "replace").decode("utf-8")
        return Row(operation_id, text, created_at=now, created_by=_user(), modified_at=now)

    def _read(self, operation_id: str) -> Row:
        if not operation_id or len(operation_id) > MAX_ID_LENGTH:
            raise StatusError("INVALID_ARGUMENT", f"An operation id has 1 to {MAX_ID_LENGTH} characters")
        row = self.store.read(operation_id)
        if row is None:
            raise StatusError("NOT_FOUND", f"Operation {tidy(operation_id)} not found")
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

    def _request_cancel(self, row: Row) -> Row | None:
        ended = self._if_ended(row)
        if row.done or ended is not None:
            return ended
        if row.simulation is not None and not _simulation(row.simulation).cancellable:
            raise StatusError("UNIMPLEMENTED", "Cancel is not supported for this operation")
        if row.cancel_requested is not None:
            return None
        now = self._clock()
        now = max(now, _with_state(row, now).modified_at)
        # Of a simulation this time is computed.
        return row._replace(cancel_requested=now, modified_at=now if row.simulation is None else row.modified_at)

    def _as_of_now(self, row: Row) -> Row:
        now = self._clock()
        if row.done or row.simulation is not None:
            return _with_state(row, now)
        if row.cancel_requested is not None and not row.started:
            return pending_outcomes.with_outcome(row, Outcome.from_status(CANCELLED), now)
        if not process_lock.is_alive(self.store.path, row.owner):
            return pending_outcomes.with_outcome(row, Outcome.from_status(ABORTED), now)
        return _with_state(row, now)


def begin_job(store: Store, operation_id: str) -> bool:
    """Record that this process starts a job; False if it was cancelled before, or is done."""
    owner = process_lock.current_owner(store.path)

    def begin(row: Row) -> Row | None:
        waiting = not row.done and row.cancel_requested is None
        return row._replace(started=True, owner=owner) if waiting else None

    row = store.update(operation_id, begin, durable=True)
    return row is not None and row.started and row.owner == owner and not row.done


def packed(message: Message) -> bytes:
    wrapped = AnyMessage()
    wrapped.Pack(message)
    return wrapped.SerializeToString()


def _with_state(row: Row, now: int) -> Row:
    # The row with the state of its simulation, or with the error of an operation that is being cancelled.
    if row.done:
        return row
    if row.simulation is None:
        return row if row.cancel_requested is None else row._replace(error=CANCELLING.SerializeToString())
    state = state_at(_simulation(row.simulation), row.created_at, row.cancel_requested, now)
    return row._replace(
        modified_at=state.modified_at,
        done=state.done,
        metadata=packed(state.metadata),
        error=None if state.error is None else state.error.SerializeToString(),
        response=None if state.response is None else packed(state.response),
    )


def _simulation(text: str) -> Simulation:
    try:
        return Simulation.from_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"a simulated operation in it cannot be read ({one_line(str(error), 100)})") from error


def _message(row: Row) -> OperationMessage:
    message = OperationMessage(id=row.id, description=row.description, created_by=row.created_by, done=bool(row.done))
    message.created_at.FromNanoseconds(row.created_at)
    message.modified_at.FromNanoseconds(row.modified_at)
    message.metadata.ParseFromString(row.metadata)
    if row.error is not None:
        message.error.ParseFromString(row.error)
    elif row.response is not None:
        message.response.ParseFromString(row.response)
    return message


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a user id that has no name
        return f"uid {os.getuid()}"
