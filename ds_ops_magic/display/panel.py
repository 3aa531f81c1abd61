"""A panel as plain data: rows, totals and a foot, computed from a View and the time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ds_ops_magic.display.row import Row, row_of
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.view import Entry, Health, View
from ds_ops_magic.util.text import duration, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.watch import Watch

MAX_LIVE_ROWS = 20
"""The most operations that a live panel shows all of."""
MAX_STATIC_ROWS = 50
"""The most operations that a static panel shows all of."""
_OUTAGE_AFTER = 3.0  # seconds without an answer before the panel says so: a single lost call is not mentioned
_STATUS_ORDER = ("running", "failing", "failed", "unknown", "cancelled", "succeeded")
_fractions: WeakKeyDictionary[Watch, dict[str, float]] = WeakKeyDictionary()  # the largest shown, by operation id


@dataclass(frozen=True)
class Panel:
    """A watch at one moment, ready to be drawn.

    Attributes:
        total: Number of operations.
        counts: How many there are in each status, as text: ``2 running · 1 failed``.
        fraction: Share of the operations that have ended.
        rows: All operations in the order given, or a choice of them where there are too many.
        rest: A line about the operations without a row, empty where each has one.
        foot: The last line: an outage, or how to stop and to cancel; may be empty.
        foot_is_warning: Whether the foot is about an outage.
        running: Number of operations that have not ended.
        cancelling: Number of those that were asked to be cancelled here.
    """

    total: int
    counts: str
    fraction: float
    rows: tuple[Row, ...]
    rest: str
    foot: str
    foot_is_warning: bool
    running: int
    cancelling: int

    @property
    def live(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.ended)

    @property
    def ended(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.ended)


def live_panel(watch: Watch, hint: str = "") -> Panel:
    return keep_monotonic(watch, panel_of(watch.view(), datetime.now(timezone.utc), MAX_LIVE_ROWS, hint))


def static_panel(watch: Watch) -> Panel:
    return keep_monotonic(watch, panel_of(watch.view(), datetime.now(timezone.utc), MAX_STATIC_ROWS))


def snapshot_panel(operations: Sequence[Operation | None]) -> Panel:
    """Compute the panel of operations without a watch; None stands for one that was never seen."""
    entries = tuple(Entry(operation.id, operation) for operation in operations if operation is not None)
    panel = panel_of(View(entries, Health()), datetime.now(timezone.utc), MAX_STATIC_ROWS)
    unseen = len(operations) - len(entries)
    return replace(panel, foot=f"{unseen:,} never seen") if unseen else panel


def panel_of(view: View, now: datetime, max_rows: int = MAX_LIVE_ROWS, hint: str = "") -> Panel:
    """Compute a panel; of more operations than `max_rows`, about half that number have a row.

    The hint is the foot while there is no outage, with ``{operation_id}`` where an id belongs.
    """
    entries = view.entries
    counts = Counter(map(_status, entries))
    visible = entries if len(entries) <= max_rows else _select(entries, max_rows // 2, now)
    ended = sum(entry.ended for entry in entries)
    running = len(entries) - ended
    outage = _outage(view, running)
    return Panel(
        total=len(entries),
        counts=" · ".join(f"{counts[status]:,} {status}" for status in _STATUS_ORDER if counts[status]),
        fraction=ended / len(entries) if entries else 1.0,
        rows=tuple(row_of(entry, view, now) for entry in visible),
        rest=_rest(view, len(entries) - len(visible), running),
        foot=outage or _advice(view, running, hint),
        foot_is_warning=bool(outage),
        running=running,
        cancelling=sum(entry.cancelling and not entry.ended for entry in entries),
    )


def keep_monotonic(watch: Watch, panel: Panel) -> Panel:
    """Return the panel with no fraction below one that was shown of the same watch before."""
    largest = _fractions.setdefault(watch, {})
    for row in panel.rows:
        if row.fraction is not None:
            largest[row.id] = max(row.fraction, largest.get(row.id, 0.0))
    return replace(panel, rows=tuple(replace(row, fraction=largest.get(row.id)) for row in panel.rows))


def _status(entry: Entry) -> str:
    if entry.error is not None:
        return "unknown"
    return entry.operation.status.value if entry.operation else Status.RUNNING.value


def _select(entries: Iterable[Entry], number: int, now: datetime) -> list[Entry]:
    """Select the latest failures, the failing, and the longest running; then, if rows are left, more of these."""
    never = datetime.min.replace(tzinfo=timezone.utc)

    def created(entry: Entry) -> datetime:
        return (entry.operation and entry.operation.created_at) or now

    def changed(entry: Entry) -> datetime:
        return (entry.operation and entry.operation.modified_at) or never

    by_status: dict[str, list[Entry]] = {}
    for entry in entries:
        by_status.setdefault(_status(entry), []).append(entry)
    failed = sorted(by_status.get("failed", []) + by_status.get("unknown", []), key=changed, reverse=True)
    running = sorted(by_status.get("running", []), key=created)
    ended = sorted(by_status.get("succeeded", []) + by_status.get("cancelled", []), key=changed, reverse=True)
    third = max(1, number // 3)
    selected = [*failed[:third], *by_status.get("failing", [])[:third], *running[:third]]
    return [*selected, *running[third:], *failed[third:], *ended][:number]


def _rest(view: View, hidden: int, running: int) -> str:
    if not hidden:
        return ""
    text = f"and {hidden:,} more"
    if running and view.throughput and not view.stopped:
        text += f" · about {duration(running / view.throughput, ticking=True)} left at this rate"
    return text


def _outage(view: View, running: int) -> str:
    silent = view.health.silent_for
    if not running or silent is None or silent < _OUTAGE_AFTER or view.stopped:
        return ""
    last = view.health.last_answer
    when = f" · last answer {last.astimezone():%H:%M:%S}" if last else ""
    goes_on = "the operation itself goes" if running == 1 else "the operations themselves go"
    return f"no answer for {duration(silent, ticking=True)}, still trying; {goes_on} on{when}"


def _advice(view: View, running: int, hint: str) -> str:
    if not running:
        return ""
    operation_id = next(entry.id for entry in view.entries if not entry.ended)
    operation_id = tidy(operation_id, 50) if running == 1 else "ID"
    if view.stopped:
        return f"stopped waiting; to go on: %op wait {operation_id}"
    return hint.format(operation_id=operation_id)
