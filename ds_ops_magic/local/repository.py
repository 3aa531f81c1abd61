"""What is true of an operation now: rows of the store, moved on by the clock, by cancels, and by processes that end."""

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

from ds_ops_magic.local import ends, owners
from ds_ops_magic.local.database import Damaged
from ds_ops_magic.local.refusals import Refusal, refusing
from ds_ops_magic.local.results import ABORTED, CANCELLED, CANCELLING, failed
from ds_ops_magic.local.retention import Pruning, Retention
from ds_ops_magic.local.simulation import Simulation, state_at
from ds_ops_magic.local.store import Row, Store
from ds_ops_magic.model.ids import MAX_ID_LENGTH
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from ds_ops_magic.local.results import Outcome

MAX_DESCRIPTION = 256
"""The most characters of a description, as at the real service (``operation.proto``)."""

_LETTERS = string.ascii_lowercase + string.digits


class OperationRepository:
    """The operations of one store, as the service answers them.

    Args:
        store: Where they are kept.
        clock: Nanoseconds since the epoch.
        retention: Which of them are kept.
    """

    def __init__(
        self, store: Store, clock: Callable[[], int] = time.time_ns, retention: Retention | None = None
    ) -> None:
        self.store = store
        self._clock = clock
        self._ends = ends.of(store.path)
        self._pruning = Pruning(store, retention or Retention(), clock, self._current)

    def add_simulation(self, course: Simulation, description: str = "") -> OperationMessage:
        """Begin a simulated operation.

        Raises:
            ValueError: The description is no string, or over `MAX_DESCRIPTION` characters.
            Refusal: The service's own trouble (`refusing`).
        """
        row = self._new(description)._replace(course=course.to_json())
        self._insert(row, durable=False)
        return _message(_going(row, row.created_at))

    def add_work(self, owner: str, description: str = "") -> OperationMessage:
        """Record work that waits for its turn.

        Args:
            owner: The process that has it.
            description: What it is.

        Raises:
            ValueError: The description is no string, or over `MAX_DESCRIPTION` characters.
            Refusal: The service's own trouble (`refusing`).
        """
        row = self._new(description)._replace(owner=owner, metadata=packed(ExecuteProjectJobMetadata()))
        self._insert(row, durable=True)
        return _message(row)

    def get(self, operation_id: str) -> OperationMessage:
        """Answer Get.

        Raises:
            Refusal: INVALID_ARGUMENT or NOT_FOUND; or the service's own trouble (`refusing`).
        """
        with refusing(self.store.path):
            return _message(self._current(self._read(operation_id)))

    def cancel(self, operation_id: str, patience: float | None = None) -> OperationMessage:
        """Answer Cancel: the state of what is over; of anything else, that it is being cancelled.

        Args:
            operation_id: Which one.
            patience: Seconds to wait for another process that is writing, None for the usual ones.

        Raises:
            Refusal: INVALID_ARGUMENT, NOT_FOUND, or UNIMPLEMENTED by a course that cannot be cancelled; or the
                service's own trouble (`refusing`).
        """
        with refusing(self.store.path):
            current = self._current(self._read(operation_id))
            if current.done:
                return _message(current)
            asked = self.store.update(operation_id, self._ask, patience=patience) or current
            # As of the request: however long the answer takes, it is that the cancelling has begun.
            return _message(_going(asked, asked.cancel_requested or self._clock()))

    def list(self) -> list[OperationMessage]:
        """Return every operation, the newest first.

        Raises:
            Refusal: The service's own trouble (`refusing`).
        """
        with refusing(self.store.path):
            return [_message(self._current(row)) for row in self.store.rows()]

    def end(self, operation_id: str, end: Outcome) -> None:
        """Record how work ended, unless it is over already: at once, or when the file can be written again."""
        self._ends.record(self.store, operation_id, end, self._clock())

    def write_ends(self) -> None:
        """Try once more to write what could not be written."""
        self._ends.write()

    def prune(self) -> None:
        """Remove what is over and need not be kept."""
        self._pruning.prune()

    def _insert(self, row: Row, *, durable: bool) -> None:
        with refusing(self.store.path):
            self.store.insert(row, durable=durable)
        self._pruning.after_insert()

    def _new(self, description: str) -> Row:
        if not isinstance(description, str):
            shown = one_line(repr(description), 60)
            raise ValueError(f"description is a string of at most {MAX_DESCRIPTION} characters, not {shown}.")
        if len(description) > MAX_DESCRIPTION:
            raise ValueError(
                f"A description has at most {MAX_DESCRIPTION} characters, and this one has {len(description):,}."
            )
        now = self._clock()
        operation_id = "loc" + "".join(secrets.choice(_LETTERS) for _ in range(17))
        # Protobuf refuses the lone surrogates a Python string can hold.
        kept = description.encode("utf-8", "replace").decode("utf-8")
        return Row(operation_id, kept, created_at=now, created_by=_user(), modified_at=now)

    def _read(self, operation_id: str) -> Row:
        if not operation_id or len(operation_id) > MAX_ID_LENGTH:
            raise Refusal("INVALID_ARGUMENT", f"An operation id has 1 to {MAX_ID_LENGTH} characters")
        row = self.store.read(operation_id)
        if row is None:
            raise Refusal("NOT_FOUND", f"Operation {tidy(operation_id)} not found")
        return row

    def _current(self, row: Row, patience: float | None = None) -> Row:
        """Return a row as it is now; an end that is seen for the first time is written down, and stays."""
        kept = self._ends.applied_to(row)
        current = self._as_of_now(kept)
        if current.done and not kept.done:
            return self._write_down(current, patience)
        return current

    def _write_down(self, current: Row, patience: float | None) -> Row:
        if current.course is None:
            return self.store.update(current.id, self._settled, patience=patience) or current
        # The end of a course is computed, and is the same when it is asked for again: nobody waits for the file.
        with contextlib.suppress(sqlite3.OperationalError):
            return self.store.update(current.id, self._settled, patience=0) or current
        return current

    def _settled(self, row: Row) -> Row | None:
        current = self._as_of_now(self._ends.applied_to(row))
        return current if current.done and not row.done else None

    def _ask(self, row: Row) -> Row | None:
        settled = self._settled(row)
        if row.done or settled is not None:
            return settled
        if row.course is not None and not _course(row.course).cancellable:
            raise Refusal("UNIMPLEMENTED", "Cancel is not supported for this operation")
        if row.cancel_requested is not None:
            return None
        now = self._clock()
        now = max(now, _going(row, now).modified_at)
        # A course has its times computed, and says itself when it changed.
        return row._replace(cancel_requested=now, modified_at=now if row.course is None else row.modified_at)

    def _as_of_now(self, row: Row) -> Row:
        now = self._clock()
        if row.done or row.course is not None:
            return _going(row, now)
        if row.cancel_requested is not None and not row.started:
            return ends.over(row, failed(CANCELLED), now)
        if not owners.is_alive(self.store.path, row.owner):
            return ends.over(row, failed(ABORTED), now)
        return _going(row, now)


def begin_work(store: Store, operation_id: str) -> bool:
    """Record that this process begins with the work; False when it was cancelled before, or is over."""
    owner = owners.current_owner(store.path)

    def begin(row: Row) -> Row | None:
        waiting = not row.done and row.cancel_requested is None
        return row._replace(started=True, owner=owner) if waiting else None

    row = store.update(operation_id, begin, durable=True)
    return row is not None and row.started and row.owner == owner and not row.done


def packed(message: Message) -> bytes:
    """Return the serialized ``Any`` that holds a message."""
    wrapped = AnyMessage()
    wrapped.Pack(message)
    return wrapped.SerializeToString()


def _going(row: Row, now: int) -> Row:
    """Return a row as it shows while it goes on: where its course is, and that it is being cancelled."""
    if row.done:
        return row
    if row.course is None:
        return row if row.cancel_requested is None else row._replace(error=CANCELLING.SerializeToString())
    state = state_at(_course(row.course), row.created_at, row.cancel_requested, now)
    return row._replace(
        modified_at=state.modified_at,
        done=state.done,
        metadata=packed(state.metadata),
        error=None if state.error is None else state.error.SerializeToString(),
        response=None if state.response is None else packed(state.response),
    )


def _course(kept: str) -> Simulation:
    try:
        return Simulation.from_json(kept)
    except (TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"the course of a simulated operation is none ({one_line(str(error), 100)})") from error


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
