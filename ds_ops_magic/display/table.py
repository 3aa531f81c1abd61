"""The table of ``%op list``: records of the history as rows, in HTML and in text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, overload

from ds_ops_magic.connection.addresses import service_name
from ds_ops_magic.display import render
from ds_ops_magic.display.row import Row, non_empty, utc_time
from ds_ops_magic.display.status_style import STATUS_STYLES
from ds_ops_magic.history.record import FIRST_MOMENT, LAST_MOMENT
from ds_ops_magic.model.payload import type_words
from ds_ops_magic.util.text import counted, duration, one_line, tidy

if TYPE_CHECKING:
    from ds_ops_magic.history.record import Record

_FRESH = 10.0  # seconds for which a state counts as that of now


class Listing(Sequence["Record"]):
    """The result of ``%op list``: records, the one used last first, and the rows and remarks that are shown."""

    def __init__(self, records: Sequence[Record], remarks: Sequence[str], now: float, *, by_endpoint: bool) -> None:
        self._records = tuple(records)
        self.rows = tuple(_row(record, now, by_endpoint) for record in records)
        self.remarks = tuple(tidy(remark, 400) for remark in remarks)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<Listing of {counted(len(self))}>"


def html(listing: Listing) -> str:
    return render.render("list", listing=listing)


def text(listing: Listing) -> str:
    return "\n".join([*(line for row in listing.rows for line in render.row_lines(row)), *listing.remarks])


def _row(record: Record, now: float, by_endpoint: bool) -> Row:
    operation_id = tidy(record.id, 50)
    kind = tidy(record.kind, 120)
    facts = {
        "created": _utc_time(record.created_at),
        "ended": _utc_time(record.changed_at) if record.done else "",
        "error": one_line(record.error, 40),
        "kind": kind,
        "at": service_name(record.endpoint) if by_endpoint else "",
    }
    return Row(
        id=operation_id,
        title=one_line(record.description) or " ".join(type_words(kind)).capitalize() or operation_id,
        status=one_line(record.state, 20) or "asked about",
        style=STATUS_STYLES.get(record.state, STATUS_STYLES["unknown"]),
        note=_note(record, now),
        facts=non_empty(facts),
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


def _utc_time(moment: float | None) -> str:
    if moment is None:
        return ""
    valid = min(max(moment, FIRST_MOMENT), LAST_MOMENT)  # a file may have any number
    return utc_time(datetime.fromtimestamp(valid, timezone.utc))
