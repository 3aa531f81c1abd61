"""The history: which operations were followed from here, how they stood when last seen, how long their kind takes.

All reading is from memory; the file belongs to a thread of its own, so that no caller ever waits for a disk.
"""

from __future__ import annotations

import os
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_ops_magic.history.record import MOST, Record, kept, record_of
from ds_ops_magic.history.runs import Runs
from ds_ops_magic.history.writer import HistoryWriter
from ds_ops_magic.model.errors import OperationNotFound, OperationsError
from ds_ops_magic.polling.updates import Update
from ds_ops_magic.util.public_names import restore
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ds_ops_magic.model.estimates import Durations
    from ds_ops_magic.model.operation import Operation

FILE_VARIABLE = "DS_OPS_MAGIC_HISTORY"
"""Environment variable with the path of the file; ``none`` keeps no history."""
FILE_NAME = "ds_ops_magic.sqlite"
"""Name of the file beside an IPython profile."""
_PATIENCE = 1.0  # seconds that a caller waits for the file at most, and not again before it has caught up
_FIRST_PATIENCE = 0.3  # seconds for the file to be read for the first time


class History:
    """What was followed from here, by every kernel that uses the same file.

    All methods may be called from any thread, and none waits for the disk for more than a second. What keeps the file
    from being used costs the history and one warning, nothing else.

    Args:
        path: The file; made, private to its owner, with the first operation.
        clock: Seconds since the epoch.

    Attributes:
        now: The clock.
        warns: Whether that one warning is given by itself; else it is for who asks for `complaint`, and shows it.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self.path = _from_the_root(path)
        self.warns = True
        self.now = clock
        self._records: dict[tuple[str, str], Record] = {}
        self._endpoints: dict[str, dict[str, None]] = {}  # by id
        self._runs = Runs()
        self._most = _enough(0)
        self._writer = HistoryWriter(self.path, self._replace, clock)

    def __repr__(self) -> str:
        return f"<History in {str(self.path)!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("History", str(self.path))

    def of(self, endpoint: str) -> EndpointHistory:
        """Return the part of it that is about one endpoint."""
        return EndpointHistory(self, endpoint)

    def read(self) -> None:
        """Begin to read the file, if there is one, or what other kernels have written since. Returns at once."""
        if os.path.exists(self.path):
            self._writer.look()

    def refresh(self) -> None:
        """Take over what other kernels have written. Waits for it, at most for a second."""
        self._writer.refresh(_PATIENCE)

    def flush(self, timeout: float = _PATIENCE) -> bool:
        """Wait until all that was told is on the disk; False when that cannot be, or takes longer (seconds)."""
        return self._writer.flush(timeout)

    def close(self) -> None:
        """Write what is left, at most for a second, and end the thread; what is told later starts it again."""
        self._writer.close(_PATIENCE)

    def complaint(self) -> str:
        """Return what keeps the history from being kept, the first time that is asked for; else nothing."""
        trouble = self._writer.take_trouble()
        if trouble is None:
            return ""
        if isinstance(trouble, OperationsError):
            return (
                f"No history is kept yet. {trouble.args[0]} What is to be kept waits in memory, and is written once "
                "one can. Operations are not affected."
            )
        why = trouble.strerror if isinstance(trouble, OSError) and trouble.strerror else str(trouble)
        return (
            f"No history is kept, because {tidy(str(self.path), 1000)} cannot be used: "
            f"{one_line(why)}. Operations are not affected; OpMagics.history or ${FILE_VARIABLE} can name "
            "another file."
        )

    def warn(self) -> None:
        """Give one warning of what `complaint` says, where that is wanted."""
        complaint = self.complaint() if self.warns else ""
        if complaint:
            warnings.warn(complaint, RuntimeWarning, stacklevel=3)

    def records(self) -> list[Record]:
        """Return all that is known, what was used last first; what was used by a clock that was ahead stands last."""
        now = self.now()
        return sorted(self._records.values(), key=lambda one: (one.used_at <= now, one.used_at), reverse=True)

    def record(self, operation: Operation, *, wait: bool = True) -> None:
        """Keep an operation that was just born, and whose endpoint is not known here; waits until the disk has it.

        Args:
            operation: What the call that gave birth to it returned.
            wait: False has it written at once, but does not wait for that.
        """
        known = self.endpoints_of(operation.id)
        now = self.now()
        self._writer.tell(lambda: self._saw(known[0] if known else "", operation.id, operation, now))
        if wait:
            if not known:
                self.flush()
            self.warn()

    def ready(self) -> None:
        """See that the file was read, if there is one. Waits for that at most 0.3 s, and at most once."""
        if not self._writer.has_read and os.path.exists(self.path):
            self._writer.refresh(_FIRST_PATIENCE)

    def find(self, endpoint: str, operation_id: str) -> Record | None:
        """Return what is known of an operation of an endpoint, or of one whose endpoint is not known."""
        return self._records.get((endpoint, operation_id)) or self._records.get(("", operation_id))

    def endpoints_of(self, operation_id: str) -> tuple[str, ...]:
        """Return where an operation was asked about; an empty string where only its birth was recorded."""
        return tuple(self._endpoints.get(operation_id, ()))

    def durations(self, endpoint: str) -> Mapping[str, Durations]:
        """Return how long operations take there, by kind; it goes on being up to date."""
        return self._runs.of(endpoint)

    def record_request(self, endpoint: str, ids: Sequence[str]) -> None:
        """Keep that operations are asked about."""
        now = self.now()
        self._writer.tell(lambda: self._asked(endpoint, ids, now))

    def received(self, endpoint: str, reports: Iterable[Update]) -> None:
        """Keep what became known of operations; soon, many at once."""
        now = self.now()
        self._writer.tell(lambda: self._received(endpoint, reports, now), urgent=False)

    # Everything below runs on the writer's thread.

    def _asked(self, endpoint: str, ids: Sequence[str], now: float) -> None:
        for name in ids:
            held = self.find(endpoint, name)
            self._keep(held._replace(used_at=now) if held else Record(endpoint, name, now))

    def _received(self, endpoint: str, reports: Iterable[Update], now: float) -> None:
        for report in reports:
            if report.operation is not None:
                self._saw(endpoint, report.id, report.operation, now)
            elif isinstance(report.error, OperationNotFound):
                self._forget(endpoint, report.id)

    def _saw(self, endpoint: str, name: str, operation: Operation, now: float) -> None:
        held = self.find(endpoint, name)
        new = record_of(endpoint, name, operation, used_at=held.used_at if held else now, seen_at=now)
        if held is None or (new.overtakes(held) and new.is_news(held)):
            self._keep(new)
            if new.done and not (held and held.done and held.endpoint == endpoint):  # else it was learned from
                self._runs.learn(new)

    def _forget(self, endpoint: str, name: str) -> None:
        """Drop an id that the service does not know, unless it ever did: that was a typing error."""
        held = self._records.get((endpoint, name))
        if held and not held.seen_at:
            del self._records[endpoint, name]
            self._endpoints[name].pop(endpoint, None)
            self._writer.forget(endpoint, name)

    def _keep(self, record: Record) -> None:
        self._put(record)
        self._writer.keep(record)
        if len(self._records) > self._most:
            self._replace(kept(self._records.values()))
            self._writer.prune(self._records)

    def _put(self, record: Record) -> None:
        self._records[record.endpoint, record.id] = record
        known = self._endpoints.setdefault(record.id, {})
        known[record.endpoint] = None
        if record.endpoint and "" in known and record.seen_at:
            self._records.pop(("", record.id), None)
            del known[""]

    def _replace(self, records: list[Record]) -> None:
        """Take over what the file holds, or what is kept of what was known."""
        self._records = {(record.endpoint, record.id): record for record in records}
        endpoints: dict[str, dict[str, None]] = {}
        for record in records:
            endpoints.setdefault(record.id, {})[record.endpoint] = None
        self._endpoints = endpoints
        self._runs.learn_anew(records)
        self._most = _enough(len(records))


def _from_the_root(path: str | os.PathLike[str]) -> Path:
    """Return where a file is from the root on.

    Below a home that nobody has, or a current folder that is gone, it stays as it is named: it is nowhere.
    """
    expanded = os.path.expanduser(path)
    try:
        return Path(expanded if expanded.startswith("~") else os.path.abspath(expanded))
    except OSError:
        return Path(expanded)


def _enough(number: int) -> int:
    """Return at how many records those are pruned that are so many now: seldom, also where most of them run."""
    return max(MOST, number) * 11 // 10


class EndpointHistory:
    """The history of one endpoint: what a client tells it, and what it asks it for."""

    def __init__(self, history: History, endpoint: str) -> None:
        self._history = history
        self._endpoint = endpoint
        self.durations: Mapping[str, Durations] = history.durations(endpoint)

    def record_request(self, ids: Sequence[str]) -> None:
        """Keep that operations are asked about; warns, once, where nothing is kept."""
        self._history.record_request(self._endpoint, ids)
        self._history.warn()

    def record_snapshot(self, operation: Operation, asked_for: str = "") -> None:
        """Keep what the service said about an operation; its id is the one asked for, as some answers have none."""
        self._history.received(self._endpoint, [Update(asked_for or operation.id, operation)])

    def refused(self, error: OperationsError, operation_id: str) -> None:
        """Keep what the service said instead, and have the error say what was known before."""
        self.on_updates([Update(operation_id, error=error)])

    def on_updates(self, reports: Sequence[Update]) -> None:
        """Keep what became known. Runs on the poller's thread: it does not block."""
        self._history.received(self._endpoint, reports)
        for report in reports:
            if report.error is not None:
                self.explain(report.error, report.id)

    def explain(self, error: OperationsError, operation_id: str) -> None:
        """Have an error say what was last known of an operation that the service does not know (any more)."""
        known = self._history.find(self._endpoint, operation_id)
        if isinstance(error, OperationNotFound) and known and known.seen_at:
            said = _last_seen(known, self._history.now())
            if not str(error.args[0]).endswith(said):  # it may be told to several
                error.args = (f"{error.args[0]} {said}", *error.args[1:])


def _last_seen(record: Record, now: float) -> str:
    seen = datetime.fromtimestamp(record.seen_at, timezone.utc)
    when = f", {seen:%Y-%m-%d %H:%M} UTC" if record.seen_at <= now else ""  # else a clock was ahead: nobody knows
    return f"When last seen{when}: {one_line(record.state, 20)}."
