"""What a panel says, as plain data: rows, totals and a foot, computed from a View and the time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display.links import console_link
from ds_ops_magic.display.notes import note_of
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.payload import UnknownPayload, to_line, to_plain
from ds_ops_magic.util.text import duration, one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ds_ops_magic.model.estimates import Durations
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.view import Entry, View

FOLD_ABOVE = 20
"""The most operations that are all shown while they run."""
SILENCE = 3.0
"""Seconds without an answer before the panel speaks of it: a single lost call is nobody's business."""

# How each status looks: a symbol and a tone beside the word, so that nothing is said by colour alone.
_LOOKS = {
    Status.RUNNING: ("●", "run"),
    Status.FAILING: ("▲", "warn"),
    Status.SUCCEEDED: ("✓", "ok"),
    Status.FAILED: ("✕", "bad"),
    Status.CANCELLED: ("–", "off"),
}
_NOTHING: Mapping[str, Durations] = MappingProxyType({})
_ORDER = ("running", "failing", "failed", "unknown", "cancelled", "succeeded")


@dataclass(frozen=True)
class Row:
    """One operation in a panel. All text is one line, safe to print, and not yet escaped for HTML.

    Attributes:
        id: The operation.
        title: What it is.
        word: Its status in a word.
        symbol: The sign that goes with the word.
        tone: run, warn, ok, bad or off: what to colour it by.
        fraction: 0..1 where the service says it, else None.
        note: The service's words, how long it has taken, and how much is left, or how long it usually takes.
        error: Code and message of what went wrong, empty where nothing did.
        details: What else is known about the error, a line each.
        ended: Whether nothing more will happen.
        cancellable: Whether a Cancel button makes sense.
        facts: What a reader needs months later: label and text.
        result: The response as plain data, None where there is none.
        link: Address of the result in the console, None where there is none.
        age: Seconds since it was created, 0 where that is not known.
    """

    id: str
    title: str
    word: str
    symbol: str
    tone: str
    fraction: float | None
    note: str
    error: str
    details: tuple[str, ...]
    ended: bool
    cancellable: bool
    facts: tuple[tuple[str, str], ...]
    result: Any
    link: str | None
    age: float


@dataclass(frozen=True)
class Panel:
    """A watch at one moment, ready to be drawn.

    Attributes:
        total: Number of operations.
        counts: How many there are in each status, as words: ``2 running · 1 failed``.
        fraction: Share of the operations that have ended.
        rows: Those shown: all, in the order given, up to a limit; past it the most telling ones.
        rest: What is said of those not shown, empty where all are.
        foot: A last line: an outage, or how to stop and to cancel; empty where nothing is to be said.
        troubled: Whether the foot is about trouble.
        running: Number of operations that have not ended.
        cancelling: Number of those that were asked to be cancelled here.
    """

    total: int
    counts: str
    fraction: float
    rows: tuple[Row, ...]
    rest: str
    foot: str
    troubled: bool
    running: int
    cancelling: int

    @property
    def live(self) -> tuple[Row, ...]:
        """The rows of what has not ended."""
        return tuple(row for row in self.rows if not row.ended)

    @property
    def ended(self) -> tuple[Row, ...]:
        """The rows of what has ended."""
        return tuple(row for row in self.rows if row.ended)


def panel_of(view: View, now: datetime, most: int = FOLD_ABOVE, hint: str = "") -> Panel:
    """Compute a panel.

    Args:
        view: What the watch knows.
        now: The time now, aware.
        most: The most operations to show all of; of more, the most telling ones are shown.
        hint: What the foot says while all goes well, with ``{name}`` where an id is to stand.
    """
    counts = Counter(_state(entry) for entry in view.entries)
    shown = view.entries if len(view.entries) <= most else _telling(view.entries, most // 2, now)
    ended = sum(entry.ended for entry in view.entries)
    running = len(view.entries) - ended
    foot, troubled = _foot(view, running, hint)
    return Panel(
        total=len(view.entries),
        counts=" · ".join(f"{counts[state]:,} {state}" for state in _ORDER if counts[state]),
        fraction=ended / len(view.entries) if view.entries else 1.0,
        rows=tuple(row_of(entry, now, view.durations, view.watched_for) for entry in shown),
        rest=_rest(view, len(view.entries) - len(shown), running),
        foot=foot,
        troubled=troubled,
        running=running,
        cancelling=sum(entry.cancelling and not entry.ended for entry in view.entries),
    )


def row_of(entry: Entry, now: datetime, durations: Mapping[str, Durations] = _NOTHING, watched_for: float = 0.0) -> Row:
    """Compute the row of one operation.

    Args:
        entry: What the watch knows about it.
        now: The time now, aware.
        durations: How long operations take, by kind.
        watched_for: Seconds since the watch was made.
    """
    operation = entry.operation
    symbol, tone = ("?", "bad") if entry.error else ("●", "run")
    if operation is not None and entry.error is None:
        symbol, tone = _LOOKS[operation.status]
    age = (operation.elapsed_at(now) if operation else None) or 0.0
    response = operation.response if operation else None
    return Row(
        id=tidy(entry.id, 50),
        title=operation.title if operation else tidy(entry.id, 50),
        word=_word(entry),
        symbol=symbol,
        tone=tone,
        fraction=operation.progress.fraction if operation else None,
        note=note_of(entry, now, durations, watched_for),
        error=_error(entry),
        details=_details(operation),
        ended=entry.ended,
        cancellable=not entry.ended and not entry.cancelling and entry.cancel_error is None,
        facts=_facts(operation) if operation else (),
        result=_result(operation),
        link=console_link(response) if response is not None and not isinstance(response, UnknownPayload) else None,
        age=age,
    )


def _state(entry: Entry) -> str:
    if entry.error is not None:
        return "unknown"
    return entry.operation.status.value if entry.operation else Status.RUNNING.value


def _word(entry: Entry) -> str:
    if entry.error is not None:
        return "unknown"
    if entry.operation is None:
        return "asking"
    if entry.cancelling and not entry.ended:
        return "cancelling"
    return entry.operation.status_word


def _error(entry: Entry) -> str:
    if entry.error is not None:
        return tidy(" ".join(str(line) for line in entry.error.args[:2]), 300)
    error = entry.operation.error if entry.operation else None
    if error is None:
        return ""
    return ": ".join(filter(None, (error.name, one_line(error.message, 300))))


def _details(operation: Operation | None) -> tuple[str, ...]:
    if operation is None or operation.error is None:
        return ()
    return tuple(to_line(detail) for detail in operation.error.details[:4])


def _facts(operation: Operation) -> tuple[tuple[str, str], ...]:
    facts = {
        "created": _utc(operation.created_at),
        "ended" if operation.done else "changed": _utc(operation.modified_at),
        "by": one_line(operation.created_by, 64),
        "kind": tidy(operation.kind, 120),
        "resource": one_line(operation.resource_id or "", 64),
    }
    return tuple((label, text) for label, text in facts.items() if text)


def _utc(moment: datetime | None) -> str:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _result(operation: Operation | None) -> Any:
    response = operation.response if operation else None
    if response is None:
        return None
    if isinstance(response, UnknownPayload):
        return {"@type": tidy(response.type_url), "size": response.size}
    plain = to_plain(response)
    return {"@type": response.DESCRIPTOR.full_name, **(plain if isinstance(plain, dict) else {"value": plain})}


def _telling(entries: Sequence[Entry], number: int, now: datetime) -> list[Entry]:
    """Choose what a folded panel shows: the latest failures, the failing, then the slowest that still run."""
    never = datetime.min.replace(tzinfo=timezone.utc)

    def started(entry: Entry) -> datetime:
        return (entry.operation and entry.operation.created_at) or now

    def changed(entry: Entry) -> datetime:
        return (entry.operation and entry.operation.modified_at) or never

    by_state: dict[str, list[Entry]] = {}
    for entry in entries:
        by_state.setdefault(_state(entry), []).append(entry)
    failed = sorted(by_state.get("failed", []) + by_state.get("unknown", []), key=changed, reverse=True)
    running = sorted(by_state.get("running", []), key=started)
    ended = sorted(by_state.get("succeeded", []) + by_state.get("cancelled", []), key=changed, reverse=True)
    third = max(1, number // 3)
    chosen = [*failed[:third], *by_state.get("failing", [])[:third], *running[:third]]
    return [*chosen, *running[third:], *failed[third:], *ended][:number]


def _rest(view: View, hidden: int, running: int) -> str:
    """Word what is not shown, and how long it will take at the rate so far, once there is a rate to speak of."""
    if not hidden:
        return ""
    words = f"and {hidden:,} more"
    if running and view.pace and not view.stopped:
        words += f" · about {duration(running / view.pace, ticking=True)} left at this rate"
    return words


def _foot(view: View, running: int, hint: str) -> tuple[str, bool]:
    if not running:
        return "", False
    silent = view.health.silent_for
    if silent is not None and silent >= SILENCE and not view.stopped:
        last = view.health.last_answer
        when = f" · last answer {last.astimezone():%H:%M:%S}" if last else ""
        goes_on = "the operation itself goes" if running == 1 else "the operations themselves go"
        return f"no answer for {duration(silent, ticking=True)}, still trying; {goes_on} on{when}", True
    name = next(entry.id for entry in view.entries if not entry.ended)
    name = tidy(name, 50) if running == 1 else "ID"
    if view.stopped:
        return f"stopped waiting; to go on: %op wait {name}", False
    return hint.format(name=name), False
