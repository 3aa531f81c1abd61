"""What a Watch shows: its entries at one moment, and the updates between two moments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ds_ops_magic.model.ids import is_by_job_id
from ds_ops_magic.model.outcome_errors import operation_failed
from ds_ops_magic.util.public_names import PickledByName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.model.estimates import Durations
    from ds_ops_magic.model.operation import Operation


@dataclass(frozen=True)
class Update(PickledByName):
    """What became known about an operation: a newer snapshot, the end of the wait for it, or a refused cancel.

    Attributes:
        id: The operation.
        before: What was known before; None the first time.
        after: What is known now; the same as before where the update is an error.
        error: Why the wait for it ended without an end of the operation; None while all goes well.
        cancel_error: Why a cancel was refused; the wait goes on.
    """

    id: str
    before: Operation | None = None
    after: Operation | None = None
    error: OperationsError | None = None
    cancel_error: OperationsError | None = None

    @property
    def ended(self) -> bool:
        """Whether this is the last update of the operation."""
        return self.error is not None or (self.cancel_error is None and self.after is not None and self.after.done)


@dataclass(frozen=True)
class Entry(PickledByName):
    """What a Watch knows about one operation.

    Attributes:
        operation: The newest snapshot; None before the first answer.
        error: Why the wait for it ended without an end of the operation.
        cancelling: Whether a cancel was asked for here and has not been refused.
        cancelling_since: When that was, in seconds since the watch was made.
        forced: Whether it was to be cancelled by force.
        stderr: The last lines of stderr of a job that failed, where they were read: safe to print.
    """

    id: str
    operation: Operation | None = None
    error: OperationsError | None = None
    cancelling: bool = False
    cancelling_since: float = 0.0
    forced: bool = False
    cancel_error: OperationsError | None = None
    stderr: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.error is not None or (self.operation is not None and self.operation.done)

    @property
    def is_by_job_id(self) -> bool:
        """Whether its id was found to be that of a job, and not of an operation."""
        return self.operation is not None and is_by_job_id(self.id, self.operation.id)

    @property
    def failure(self) -> OperationsError | None:
        """Why it ended in any way but success; None when it succeeded, and before its end."""
        if self.error is not None or self.operation is None or not self.operation.done:
            return self.error
        if self.operation.failure is None:
            return None
        failure = operation_failed(self.operation)
        failure.stderr = self.stderr
        return failure


@dataclass(frozen=True)
class Health(PickledByName):
    """Whether a service answers.

    Attributes:
        last_answer: When it last answered, UTC; None before the first answer.
        silent_for: Seconds since calls began to bring no answer, None while they are answered.
        last_status: gRPC's message for the last call that brought none, None while they are answered.
    """

    last_answer: datetime | None = None
    silent_for: float | None = None
    last_status: str | None = None


@dataclass(frozen=True)
class View(PickledByName):
    """A Watch at one moment: what a display draws from.

    Attributes:
        entries: One an operation, in the order given.
        throughput: How many end a second; 0 while there is too little to go by.
        watched_for: Seconds since the watch was made.
        durations: How long earlier operations took, by kind.
        project_links: Addresses of projects in the console, by their ids.
    """

    entries: tuple[Entry, ...]
    health: Health
    stopped: bool = False
    throughput: float = 0.0
    watched_for: float = 0.0
    durations: Mapping[str, Durations] = field(default_factory=dict)
    project_links: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_seen(self) -> bool:
        """Whether each was answered about, or has ended."""
        return all(entry.operation or entry.error for entry in self.entries)
