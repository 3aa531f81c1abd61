"""How long operations of each kind took, learned from records."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ds_ops_magic.model.estimates import MIN_RUNS, Durations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ds_ops_magic.history.record import Record

MAX_RUNS = 100
"""Runs of a kind that count, the latest ones: what took a minute a year ago may take ten today."""


class RecordedDurations:
    """How long operations took, by endpoint and kind. Changed by one thread only."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], list[float]] = {}  # the latest at the end
        self._durations: dict[str, dict[str, Durations]] = {}

    def of(self, endpoint: str) -> Mapping[str, Durations]:
        """Return how long they take there, by kind; it goes on being up to date."""
        return MappingProxyType(self._durations.setdefault(endpoint, {}))

    def add(self, record: Record) -> None:
        if self._add(record):
            self._publish(record.endpoint, record.kind)

    def replace(self, records: Iterable[Record]) -> None:
        self._seconds.clear()
        for record in sorted(records, key=lambda record: record.changed_at or 0.0):
            self._add(record)
        for endpoint, kind in self._seconds:
            self._publish(endpoint, kind)

    def _add(self, record: Record) -> bool:
        # Another end says nothing of how long its kind takes.
        if record.state != "succeeded" or not record.kind or record.created_at is None or record.changed_at is None:
            return False
        runs = self._seconds.setdefault((record.endpoint, record.kind), [])
        runs.append(max(0.0, record.changed_at - record.created_at))
        del runs[:-MAX_RUNS]
        return True

    def _publish(self, endpoint: str, kind: str) -> None:
        runs = self._seconds[endpoint, kind]
        if len(runs) >= MIN_RUNS:
            self._durations.setdefault(endpoint, {})[kind] = Durations(tuple(sorted(runs)))
