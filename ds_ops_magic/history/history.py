"""The history of the operations that were followed from here: their ids, how they stood, how long their kind takes.

It is in ``ds_ops_magic.sqlite`` in the folder of the IPython profile, or in the file that the environment variable
``DS_OPS_MAGIC_HISTORY`` names (`ds_ops_magic.history.default`), for 90 days (`ds_ops_magic.history.retention`).

All reading is from memory; the file belongs to a thread of its own, so that no caller waits for a disk.
"""

from __future__ import annotations

import dataclasses
import os
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_ops_magic.history.durations import RecordedDurations
from ds_ops_magic.history.record import Record, record_of
from ds_ops_magic.history.retention import prune_above, retained
from ds_ops_magic.history.writer import HistoryWriter
from ds_ops_magic.model.errors import OperationNotFound, thread_limit
from ds_ops_magic.util.public_names import restore
from ds_ops_magic.util.text import one_line, tidy
from ds_ops_magic.util.threads import ThreadLimitReached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.model.estimates import Durations
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.view import Update

FILE_VARIABLE = "DS_OPS_MAGIC_HISTORY"
"""Environment variable with the path of the file; ``none`` keeps no history."""
FILE_NAME = "ds_ops_magic.sqlite"
"""Name of the file in the folder of an IPython profile."""
_TIMEOUT = 1.0  # seconds that a caller waits for the file at most, and not again before it has caught up
_FIRST_TIMEOUT = 0.3  # seconds for the file to be read for the first time


class History:
    """The operations that were followed from here, by every process that uses the same file.

    All methods may be called from any thread, and none waits for the disk for more than a second. What keeps the file
    from being used costs the history and one warning, nothing else.

    Args:
        path: The file; made, private to its owner, with the first operation.
        clock: Seconds since the epoch.

    Attributes:
        path: The file.
        now: The clock.
        auto_warn: Whether that one warning is issued here; else the caller shows what `take_warning` returns.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self.path = _absolute(path)
        self.auto_warn = True
        self.now = clock
        self._records: dict[tuple[str, str], Record] = {}
        self._endpoints: dict[str, dict[str, None]] = {}  # by id
        self._durations = RecordedDurations()
        self._prune_above = prune_above(0)
        self._writer = HistoryWriter(self.path, self._replace, clock)

    def __repr__(self) -> str:
        return f"<History in {str(self.path)!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("History", str(self.path))

    def of(self, endpoint: str) -> EndpointHistory:
        """Return the part of it that is about one endpoint."""
        return EndpointHistory(self, endpoint)

    def request_read(self) -> None:
        """Begin to read the file, if there is one, or what other processes have written since. Returns at once."""
        if os.path.exists(self.path):
            self._writer.request_read()

    def refresh(self) -> None:
        """Take over what other processes have written. Waits for it, at most for a second."""
        self._writer.refresh(_TIMEOUT)

    def flush(self, timeout: float = _TIMEOUT) -> bool:
        """Wait until all that was recorded is on the disk; False when that cannot be, or takes longer (seconds)."""
        return self._writer.flush(timeout)

    def close(self) -> None:
        """Write what is left, at most for a second, and end the thread; what is recorded later starts it again."""
        self._writer.close(_TIMEOUT)

    def take_warning(self) -> str:
        """Return, once, a text about what keeps the history from being written; else an empty string."""
        error = self._writer.take_error()
        if error is None:
            return ""
        if isinstance(error, ThreadLimitReached):
            return (
                f"No history is kept yet. {thread_limit(error).args[0]} What is to be kept waits in memory, and is "
                "written once one can. Operations are not affected."
            )
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return (
            f"No history is kept, because {tidy(str(self.path), 1000)} cannot be used: "
            f"{one_line(reason)}. Operations are not affected; OpMagics.history or ${FILE_VARIABLE} can name "
            "another file."
        )

    def warn(self) -> None:
        """Issue the warning that `take_warning` returns, where that is wanted."""
        message = self.take_warning() if self.auto_warn else ""
        if message:
            warnings.warn(message, RuntimeWarning, stacklevel=3)

    def records(self) -> list[Record]:
        """Return all records, what was used last first; what was used by a clock that was ahead stands last."""
        now = self.now()
        return sorted(self._records.values(), key=lambda one: (one.used_at <= now, one.used_at), reverse=True)

    def record_created(self, operation: Operation, *, wait: bool = True) -> None:
        """Record an operation that a call has just made, and whose endpoint is not known; waits until the disk has it.

        Args:
            operation: What the call returned.
            wait: False has it written at once, but does not wait for that.
        """
        known = self.endpoints_of(operation.id)
        self._submit(lambda now: self._record_snapshot(known[0] if known else "", operation.id, operation, now))
        if wait:
            if not known:
                self.flush()
            self.warn()

    def ensure_read(self) -> None:
        """See that the file was read, if there is one. Waits for that at most 0.3 s, and at most once."""
        if not self._writer.has_read and os.path.exists(self.path):
            self._writer.refresh(_FIRST_TIMEOUT)

    def find(self, endpoint: str, operation_id: str) -> Record | None:
        """Return the record of an operation of an endpoint, or of one whose endpoint is not known."""
        return self._records.get((endpoint, operation_id)) or self._records.get(("", operation_id))

    def endpoints_of(self, operation_id: str) -> tuple[str, ...]:
        """Return where an operation was asked about; an empty string where only the call that made it was recorded."""
        return tuple(self._endpoints.get(operation_id, ()))

    def _submit(self, work: Callable[[float], None], *, urgent: bool = True) -> None:
        now = self.now()
        self._writer.submit(lambda: work(now), urgent=urgent)

    # Everything below runs on the writer's thread.

    def _record_request(self, endpoint: str, ids: Sequence[str], now: float) -> None:
        for operation_id in ids:
            earlier = self.find(endpoint, operation_id)
            self._write(earlier._replace(used_at=now) if earlier else Record(endpoint, operation_id, now))

    def _record_snapshot(self, endpoint: str, operation_id: str, operation: Operation, now: float) -> None:
        earlier = self.find(endpoint, operation_id)
        used_at = earlier.used_at if earlier else now
        record = record_of(endpoint, operation_id, operation, used_at=used_at, seen_at=now)
        if earlier is None or (record.supersedes(earlier) and record.is_worth_writing(earlier)):
            self._write(record)
            if record.done and not (earlier and earlier.done and earlier.endpoint == endpoint):  # else it has counted
                self._durations.add(record)

    def _drop(self, endpoint: str, operation_id: str) -> None:
        # Unless the service ever knew the id, it was a typing error.
        record = self._records.get((endpoint, operation_id))
        if record and not record.seen_at:
            del self._records[endpoint, operation_id]
            self._endpoints[operation_id].pop(endpoint, None)
            self._writer.drop(endpoint, operation_id)

    def _write(self, record: Record) -> None:
        self._records[record.endpoint, record.id] = record
        endpoints = self._endpoints.setdefault(record.id, {})
        endpoints[record.endpoint] = None
        if record.endpoint and "" in endpoints and record.seen_at:
            self._records.pop(("", record.id), None)
            del endpoints[""]
        self._writer.write(record)
        if len(self._records) > self._prune_above:
            self._replace(retained(self._records.values()))
            self._writer.prune(self._records)

    def _replace(self, records: list[Record]) -> None:
        self._records = {(record.endpoint, record.id): record for record in records}
        endpoints: dict[str, dict[str, None]] = {}
        for record in records:
            endpoints.setdefault(record.id, {})[record.endpoint] = None
        self._endpoints = endpoints
        self._durations.replace(records)
        self._prune_above = prune_above(len(records))


class EndpointHistory:
    """The history of one endpoint, for a client of it."""

    def __init__(self, history: History, endpoint: str) -> None:
        self._history = history
        self._endpoint = endpoint
        self.durations: Mapping[str, Durations] = history._durations.of(endpoint)

    def record_request(self, ids: Sequence[str]) -> None:
        """Record that operations are asked about; warns, once, where nothing is kept."""
        self._history._submit(lambda now: self._history._record_request(self._endpoint, ids, now))
        self._history.warn()

    def record_snapshot(self, operation: Operation, operation_id: str = "") -> None:
        """Record what the service said of an operation; some answers have no id, so give the one asked for."""
        self._record([(operation_id or operation.id, operation, None)])

    def record_error(self, operation_id: str, error: OperationsError) -> OperationsError:
        """Record what the service said instead of a snapshot; returns the error to raise, as `on_updates` does."""
        if isinstance(error, OperationNotFound):
            self._record([(operation_id, None, error)])
        return self._with_last_state(operation_id, error)

    def on_updates(self, updates: Sequence[Update]) -> list[Update]:
        """Record what became known, and return it; an error of NOT_FOUND says how the operation was when last seen.

        Does not block, and may be called on any thread, for one operation in the order in which the updates came.
        """
        self._record([(update.id, update.after, update.error) for update in updates])
        return [
            update
            if update.error is None
            else dataclasses.replace(update, error=self._with_last_state(update.id, update.error))
            for update in updates
        ]

    def _record(self, answers: Iterable[tuple[str, Operation | None, OperationsError | None]]) -> None:
        def record(now: float) -> None:
            for operation_id, operation, error in answers:
                if operation is not None:
                    self._history._record_snapshot(self._endpoint, operation_id, operation, now)
                elif isinstance(error, OperationNotFound):
                    self._history._drop(self._endpoint, operation_id)

        self._history._submit(record, urgent=False)  # it is written soon, with others

    def _with_last_state(self, operation_id: str, error: OperationsError) -> OperationsError:
        record = self._history.find(self._endpoint, operation_id)
        if not isinstance(error, OperationNotFound) or record is None or not record.seen_at:
            return error
        when = ""
        if record.seen_at <= self._history.now():  # else a clock was ahead: nobody knows
            when = f", {datetime.fromtimestamp(record.seen_at, timezone.utc):%Y-%m-%d %H:%M} UTC"
        first, *others = error.args
        return OperationNotFound(f"{first} When last seen{when}: {one_line(record.state, 20)}.", *others)


def _absolute(path: str | os.PathLike[str]) -> Path:
    # Below a home that nobody has, or a current folder that is gone, it stays as it is named: it is nowhere.
    expanded = os.path.expanduser(path)
    try:
        return Path(expanded if expanded.startswith("~") else os.path.abspath(expanded))
    except OSError:
        return Path(expanded)
