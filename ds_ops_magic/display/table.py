"""What the history holds, as a table: HTML and text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, overload

from ds_ops_magic.display import render
from ds_ops_magic.history.record import FIRST_MOMENT, LAST_MOMENT
from ds_ops_magic.model.payload import type_words
from ds_ops_magic.util.text import counted, duration, one_line, tidy

if TYPE_CHECKING:
    from ds_ops_magic.history.record import Record

_SYMBOLS = {
    "running": "●",
    "failing": "▲",
    "cancelling": "▲",
    "succeeded": "✓",
    "failed": "✕",
    "cancelled": "–",
}
_FRESH = 10.0  # seconds for which a state counts as that of now


@dataclass(frozen=True)
class Line:
    """One operation in the table. All text is one line, safe to print, and not yet escaped for HTML.

    Attributes:
        id: The operation.
        title: What it is.
        word: How it stands, or stood when last seen.
        symbol: The sign that goes with the word.
        note: How long it has taken, and how old the news is.
        facts: What else is known: label and text.
    """

    id: str
    title: str
    word: str
    symbol: str
    note: str
    facts: tuple[tuple[str, str], ...]


class Listing(Sequence["Record"]):
    """What `%op list` gives: records, the one used last first, and how they are shown.

    Args:
        records: What is listed.
        remarks: What else is to be said, a sentence each.
        now: Seconds since the epoch.
        by_endpoint: Whether to say of each where it is.
    """

    def __init__(self, records: Sequence[Record], remarks: Sequence[str], now: float, *, by_endpoint: bool) -> None:
        self._records = tuple(records)
        self.foot = tuple(tidy(remark, 400) for remark in remarks)
        self.lines = tuple(_line(record, now, by_endpoint) for record in records)

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...

    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        return self._records[place]

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<Listing of {counted(len(self))}>"


def html(listing: Listing) -> str:
    """Render a listing as a table."""
    return render.render("list", listing=listing)


def text(listing: Listing) -> str:
    """Render a listing as plain lines."""
    lines = []
    for line in listing.lines:
        title = f"{line.title} · {line.id}" if line.title != line.id else line.id
        lines.append(" · ".join(filter(None, (f"{line.symbol} {line.word}  {title}", line.note))))
        if line.facts:
            lines.append("    " + ", ".join(f"{label} {value}" for label, value in line.facts))
    return "\n".join([*lines, *listing.foot])


def _line(record: Record, now: float, by_endpoint: bool) -> Line:
    name = tidy(record.id, 50)
    kind = tidy(record.kind, 120)
    facts = {
        "created": _utc(record.created_at),
        "ended": _utc(record.changed_at) if record.done else "",
        "error": one_line(record.error, 40),
        "kind": kind,
        "at": (tidy(record.endpoint, 100) or "Yandex Cloud") if by_endpoint else "",
    }
    return Line(
        id=name,
        title=one_line(record.description) or " ".join(type_words(kind)).capitalize() or name,
        word=one_line(record.state, 20) or "asked about",
        symbol=_SYMBOLS.get(record.state, "?"),
        note=_note(record, now),
        facts=tuple((label, said) for label, said in facts.items() if said),
    )


def _note(record: Record, now: float) -> str:
    if not record.seen_at:
        return f"{_age(record.used_at, now)}, and never seen since"
    seen = None if _is_ahead(record.seen_at, now) else record.seen_at
    end = record.changed_at if record.done else seen
    took = "" if record.created_at is None or end is None else duration(max(0.0, end - record.created_at))
    if record.done:
        return f"{'in' if record.state == 'succeeded' else 'after'} {took}" if took else ""
    is_fresh = abs(now - record.seen_at) <= _FRESH
    return " · ".join(filter(None, (took, "" if is_fresh else f"when last seen, {_age(record.seen_at, now)}")))


def _age(moment: float, now: float) -> str:
    return "by a clock that was ahead" if _is_ahead(moment, now) else f"{duration(now - moment)} ago"


def _is_ahead(moment: float, now: float) -> bool:
    return moment - now > _FRESH


def _utc(moment: float | None) -> str:
    if moment is None:
        return ""
    held = min(max(moment, FIRST_MOMENT), LAST_MOMENT)  # a file may hold any number
    return f"{datetime.fromtimestamp(held, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
