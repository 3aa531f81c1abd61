"""Panels as HTML and as text: the static panel of a saved notebook, and the parts of the live panel."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import markupsafe

from ds_ops_magic.display.status_style import CSS_COLORS
from ds_ops_magic.util.text import counted, duration, one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2

    from ds_ops_magic.display.panel import Panel
    from ds_ops_magic.display.row import Row
    from ds_ops_magic.model.operation import Operation

MAX_BYTES = 100_000
"""The most bytes of a static panel's HTML."""
_TEX = re.compile(r"[$\\]")
_MAX_RESULT = 2_500  # bytes of a response, as HTML
# Bytes of one text and of one fact, as HTML: with their tags the texts of a row stay under 10,000.
_MAX_TEXT, _MAX_FACT = 950, 500
_MAX_LOG_LINE = 400  # bytes of a line of stderr, as HTML: few rows have any
_MAX_CHARACTER = len("<span>$</span>")  # bytes that one character can become


def bundle(panel: Panel) -> dict[str, str]:
    """Return the MIME bundle of a panel: text/html and text/plain."""
    return {"text/html": html(panel), "text/plain": text(panel)}


def html(panel: Panel) -> str:
    """Render a static panel, of at most `MAX_BYTES`: results and details are left out first, then rows."""
    panel = replace(panel, rows=tuple(map(_trimmed, panel.rows)))
    written = render("static", panel=panel)
    if len(written.encode()) > MAX_BYTES:
        panel = replace(panel, rows=tuple(replace(row, result=None, details=(), log=()) for row in panel.rows))
        written = render("static", panel=panel)
    while len(written.encode()) > MAX_BYTES:
        rows = panel.rows[: len(panel.rows) * 3 // 4]
        panel = replace(panel, rows=rows, rest=f"and {panel.total - len(rows):,} more")
        written = render("static", panel=panel)
    return written


def part(name: str, panel: Panel | None = None) -> str:
    """Render a part of the live panel: ``style``, ``head``, ``live``, ``ended`` or ``foot``."""
    return render(name, panel=panel).strip()


def text(panel: Panel) -> str:
    lines = [] if panel.total == 1 else [": ".join(filter(None, (counted(panel.total), panel.counts)))]
    for row in panel.rows:
        lines += row_lines(row)
    return "\n".join([*lines, *filter(None, (panel.rest, panel.foot))])


def line(panel: Panel) -> str:
    """Render a panel as one line, for a terminal or a log."""
    if panel.total == 1:
        row = panel.rows[0]
        share = f"{row.fraction:.0%}" if row.fraction is not None and not row.ended else ""
        title = row.title if row.title != row.id else ""
        parts = [f"{row.style.symbol} {row.status}", title, row.id, share, row.note, row.error, row.warning]
    else:
        parts = [counted(panel.total), panel.counts]
    if panel.foot_is_warning:
        parts.append(panel.foot)
    return " · ".join(part for part in parts if part)


def finished(operation: Operation) -> str:
    """Say that an operation had ended before it was to be cancelled."""
    ended = operation.modified_at
    ago = f" {duration((datetime.now(timezone.utc) - ended).total_seconds())} ago" if ended else ""
    failure = operation.failure
    what = f", {failure.name}" if failure is not None and failure.by == "program" else ""
    return f"{tidy(operation.id, 50)} finished{ago}: {operation.status_word}{what}"


def row_lines(row: Row) -> list[str]:
    title = f"{row.title} · {row.id}" if row.title != row.id else row.id
    note = f" · {row.note}" if row.note else ""
    lines = [f"{row.style.symbol} {row.status}  {title}{note}"]
    if row.facts:
        lines.append("    " + ", ".join(f"{label} {value}" for label, value in row.facts))
    lines += [f"    {line}" for line in (row.error, *row.details, row.warning, row.link) if line]
    if row.log:
        lines += ["    the end of stderr:", *(f"    | {line}" for line in row.log)]
    if row.result is not None:
        written = json.dumps(_shortened(row.result), indent=2, ensure_ascii=False, default=str)
        lines += [f"    {line}" for line in written.splitlines()]
    return lines


def _trimmed(row: Row) -> Row:
    """Cut texts that are short in characters and long in bytes: other alphabets, and what has to be escaped."""
    return replace(
        row,
        title=_cut(row.title, _MAX_TEXT),
        note=_cut(row.note, _MAX_TEXT),
        error=_cut(row.error, _MAX_TEXT),
        warning=_cut(row.warning, _MAX_TEXT),
        details=tuple(_cut(detail, _MAX_TEXT) for detail in row.details),
        log=tuple(_cut(line, _MAX_LOG_LINE) for line in row.log),
        facts=tuple((label, _cut(value, _MAX_FACT)) for label, value in row.facts),
    )


def _cut(text: str, max_bytes: int) -> str:
    left = max_bytes - _html_size("…")
    if len(text) * _MAX_CHARACTER <= left:
        return text
    for index, character in enumerate(text):
        left -= _html_size(character)
        if left < 0:
            return text[:index].rstrip() + "…"
    return text


def html_size(text: str) -> int:
    """Count the bytes of a text as HTML, about: at most so many."""
    return len(_breakable(text).encode())


@functools.lru_cache(maxsize=1024)
def _html_size(character: str) -> int:
    """Count the bytes of a character as HTML, with the tag that may follow it."""
    return len(_breakable(character).encode())


def _shortened(plain: Any) -> Any:
    """Copy plain data with every text safe to print, up to `_MAX_RESULT`."""
    return _copy(plain, [_MAX_RESULT], 0)


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


def _safe(value: Any, left: list[int], to_line: Callable[[str, int], str] = one_line) -> str:
    safe = to_line(str(value), 200)
    left[0] -= sum(map(_html_size, safe))
    return safe


def render(name: str, **values: Any) -> str:
    """Render a template of this package; every text in the values is escaped."""
    return _environment().get_template(f"{name}.html.j2").render(**values)


def _without_math(value: Any) -> Any:
    """Escape a text for HTML, and put what starts TeX into a span: pages typeset ``$...$``, with the links in it."""
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

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ds_ops_magic.display"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_without_math,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["attribute"] = markupsafe.escape
    environment.filters["shortened"] = _shortened
    environment.filters["breakable"] = _breakable
    environment.filters["count"] = counted
    environment.globals["css_colors"] = CSS_COLORS
    return environment
