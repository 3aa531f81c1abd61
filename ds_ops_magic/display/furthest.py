"""Bars that never go back: of what a service says of its progress, the furthest is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ds_ops_magic.display.panel import Panel, Row
    from ds_ops_magic.watch import Watch

_seen: WeakKeyDictionary[Watch, dict[str, float]] = WeakKeyDictionary()


def kept(watch: Watch, panel: Panel) -> Panel:
    """Return a panel whose fractions are at least those that were shown of the same watch before."""
    seen = _seen.setdefault(watch, {})
    return replace(panel, rows=tuple(_row(row, seen) for row in panel.rows))


def _row(row: Row, seen: dict[str, float]) -> Row:
    before = seen.get(row.id)
    if row.fraction is None or (before is not None and row.fraction <= before):
        return row if before is None else replace(row, fraction=before)
    seen[row.id] = row.fraction
    return row
