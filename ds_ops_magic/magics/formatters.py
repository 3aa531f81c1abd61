"""How `Operation`, `Operations`, `Watch` and `Listing` look as the result of a cell, registered by type name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic import home_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.display.panel import Panel
    from ds_ops_magic.watch import Watch

_TYPES = ("Operation", "Operations", "Watch", "Listing", "OperationClient")
_MIMES = ("text/html", "text/plain")


def register(shell: Any, already_shown: Callable[[Any], bool], show_live: Callable[[Watch], bool]) -> None:
    """Have results displayed as panels: once in a cell, and a watch that is not over live where that can be."""

    def show_once_more(watch: Watch) -> None:
        skip = getattr(shell, "kernel", None) is not None and already_shown(watch)
        if not skip and (watch.done or watch.view().stopped or not show_live(watch)):
            raise NotImplementedError

    def skip_if_shown(value: Any) -> None:
        # A terminal has printed its Out[] prompt by now: `plain` gives the short form there.
        if getattr(shell, "kernel", None) is None or not already_shown(value):
            raise NotImplementedError  # IPython's way to decline

    def plain(value: Any, printer: Any, cycle: bool) -> None:
        inside = len(printer.stack) > 1  # of a list or another container, which has a line for it at most
        printer.text(repr(value) if cycle or inside or already_shown(value) else _text(value))

    formatter = shell.display_formatter
    for name in _TYPES:
        module = home_of(name)
        formatter.ipython_display_formatter.for_type_by_name(module, name, skip_if_shown)
        if name == "Watch":
            formatter.ipython_display_formatter.for_type_by_name(module, name, show_once_more)
        if name != "OperationClient":
            formatter.formatters["text/html"].for_type_by_name(module, name, _html)
            formatter.formatters["text/plain"].for_type_by_name(module, name, plain)


def unregister(shell: Any) -> None:
    formatter = shell.display_formatter
    for name in _TYPES:
        kind = f"{home_of(name)}.{name}"
        formatter.ipython_display_formatter.pop(kind, None)
        for mime in _MIMES:
            formatter.formatters[mime].pop(kind, None)


def _html(value: Any) -> str:
    from ds_ops_magic.display import render, table

    return table.html(value) if isinstance(value, table.Listing) else render.html(_panel(value))


def _text(value: Any) -> str:
    from ds_ops_magic.display import render, table

    return table.text(value) if isinstance(value, table.Listing) else render.text(_panel(value))


def _panel(value: Any) -> Panel:
    from ds_ops_magic.display.panel import snapshot_panel, static_panel
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations

    if isinstance(value, Operation):
        return snapshot_panel([value])
    return snapshot_panel(value) if isinstance(value, Operations) else static_panel(value)
