"""A panel as HTML and as text: what stays in the saved notebook, and the pieces of the live panel."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import markupsafe

from ds_ops_magic.display.panel import Panel, Row, panel_of
from ds_ops_magic.model.view import Entry, Health, View
from ds_ops_magic.util.text import counted, duration, one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2

    from ds_ops_magic.model.operation import Operation

MOST_ROWS = 50
"""The most operations that a static panel lists one by one."""
MOST_BYTES = 100_000
"""The most bytes of a static panel's HTML."""
_TEX = re.compile(r"[$\\]")
_MOST_RESULT = 2_500  # bytes of a response that are kept, as HTML
# Bytes of one text and of one fact, as HTML: with their tags the texts of a row stay under 10,000.
_MOST_TEXT, _MOST_FACT = 950, 500
_WIDEST = len("<span>$</span>")  # bytes that one character can become


def bundle(panel: Panel) -> dict[str, str]:
    """Return the MIME bundle of a panel: text/html and text/plain."""
    return {"text/html": html(panel), "text/plain": text(panel)}


def html(panel: Panel) -> str:
    """Render a panel as a table that reads well where styles are dropped; of one too large the results go first."""
    panel = replace(panel, rows=tuple(map(_trimmed, panel.rows)))
    written = render("static", panel=panel)
    if len(written.encode()) > MOST_BYTES:
        panel = replace(panel, rows=tuple(replace(row, result=None, details=()) for row in panel.rows))
        written = render("static", panel=panel)
    while len(written.encode()) > MOST_BYTES:
        kept = panel.rows[: len(panel.rows) * 3 // 4]
        panel = replace(panel, rows=kept, rest=f"and {panel.total - len(kept):,} more")
        written = render("static", panel=panel)
    return written


def part(name: str, panel: Panel | None = None) -> str:
    """Render a piece of the live panel: ``style``, ``head``, ``live``, ``ended`` or ``foot``."""
    return render(name, panel=panel).strip()


def text(panel: Panel) -> str:
    """Render a panel as plain lines."""
    lines = [] if panel.total == 1 else [": ".join(filter(None, (counted(panel.total), panel.counts)))]
    for row in panel.rows:
        lines += _row_lines(row)
    return "\n".join([*lines, *filter(None, (panel.rest, panel.foot))])


def line(panel: Panel) -> str:
    """Render a panel as one line, for a terminal or a log."""
    if panel.total == 1:
        row = panel.rows[0]
        share = f"{row.fraction:.0%}" if row.fraction is not None and not row.ended else ""
        title = row.title if row.title != row.id else ""
        parts = [f"{row.symbol} {row.word}", title, row.id, share, row.note, row.error]
    else:
        parts = [counted(panel.total), panel.counts]
    if panel.troubled:
        parts.append(panel.foot)
    return " · ".join(part for part in parts if part)


def finished(operation: Operation) -> str:
    """Say of an operation that was to be cancelled that it had ended before."""
    ended = operation.modified_at
    ago = f" {duration((datetime.now(timezone.utc) - ended).total_seconds())} ago" if ended else ""
    return f"{tidy(operation.id, 50)} finished{ago}: {operation.status_word}"


def panel_for(operations: list[Operation | None]) -> Panel:
    """Compute the static panel of snapshots that nobody watches; None stands for one that was never seen."""
    entries = tuple(Entry(operation.id, operation) for operation in operations if operation is not None)
    panel = panel_of(View(entries, Health()), datetime.now(timezone.utc), MOST_ROWS)
    unseen = len(operations) - len(entries)
    return replace(panel, foot=f"{unseen:,} never seen") if unseen else panel


def _row_lines(row: Row) -> list[str]:
    title = f"{row.title} · {row.id}" if row.title != row.id else row.id
    note = f" · {row.note}" if row.note else ""
    lines = [f"{row.symbol} {row.word}  {title}{note}"]
    if row.facts:
        lines.append("    " + ", ".join(f"{label} {value}" for label, value in row.facts))
    lines += [f"    {said}" for said in (row.error, *row.details, row.link) if said]
    if row.result is not None:
        written = json.dumps(_shortened(row.result), indent=2, ensure_ascii=False, default=str)
        lines += [f"    {result}" for result in written.splitlines()]
    return lines


def _trimmed(row: Row) -> Row:
    """Cut what is within the limits of characters and not of bytes: other alphabets, and what has to be escaped."""
    return replace(
        row,
        title=_cut(row.title, _MOST_TEXT),
        note=_cut(row.note, _MOST_TEXT),
        error=_cut(row.error, _MOST_TEXT),
        details=tuple(_cut(detail, _MOST_TEXT) for detail in row.details),
        facts=tuple((label, _cut(said, _MOST_FACT)) for label, said in row.facts),
    )


def _cut(said: str, most: int) -> str:
    left = most - _weight("…")
    if len(said) * _WIDEST <= left:
        return said
    for place, character in enumerate(said):
        left -= _weight(character)
        if left < 0:
            return said[:place].rstrip() + "…"
    return said


@functools.lru_cache(maxsize=1024)
def _weight(character: str) -> int:
    """Count the bytes of a character as HTML, a place where a line may end included."""
    return len(_breakable(character).encode())


def _shortened(plain: Any) -> Any:
    """Copy plain data with every text safe to print, and what is past the limit left out."""
    return _copy(plain, [_MOST_RESULT], 0)


def _copy(plain: Any, left: list[int], depth: int) -> Any:
    left[0] -= 40  # what the tags of one more item come to, about
    if left[0] < 0 or depth > 8:
        return "…"
    if isinstance(plain, dict):
        items = ((_safe(str(name), left), inner) for name, inner in plain.items() if left[0] > 0)
        return {
            name: _safe(inner, left, tidy) if name == "@type" else _copy(inner, left, depth + 1)
            for name, inner in items
        }
    if isinstance(plain, list):
        return [_copy(inner, left, depth + 1) for inner in plain if left[0] > 0]
    return _safe(plain, left) if isinstance(plain, str) else plain


def _safe(foreign: Any, left: list[int], made: Callable[[str, int], str] = one_line) -> str:
    safe = made(str(foreign), 200)
    left[0] -= sum(map(_weight, safe))
    return safe


def render(name: str, **values: Any) -> str:
    """Render a template of this package; every text in the values is escaped."""
    return _environment().get_template(f"{name}.html.j2").render(**values)


def _without_math(value: Any) -> Any:
    """Escape a text for HTML, and keep what starts TeX apart: pages typeset ``$...$``, links in it included."""
    if not isinstance(value, str) or isinstance(value, markupsafe.Markup):
        return value
    escaped = str(markupsafe.escape(value))
    return markupsafe.Markup(_TEX.sub(r"<span>\g<0></span>", escaped))  # noqa: S704  # escaped the line before


def _breakable(name: str) -> markupsafe.Markup:
    """Escape a name, and let a line end after its dots: the full name of a type would make a table too wide."""
    return markupsafe.Markup(str(_without_math(name)).replace(".", ".<wbr>"))  # noqa: S704  # escaped in the same line


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ds_ops_magic.display"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_without_math,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["attribute"] = markupsafe.escape
    made.filters["shortened"] = _shortened
    made.filters["breakable"] = _breakable
    made.filters["count"] = counted
    return made
