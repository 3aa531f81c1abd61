"""The front end that runs the current cell, as far as a kernel can know it, and the display for it."""

from __future__ import annotations

import enum
import os
import sys
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display.log_block import LogBlock, PageLog, PlainLog
from ds_ops_magic.display.page_display import HtmlDisplay, WidgetDisplay
from ds_ops_magic.display.text_display import Display, LogDisplay, TerminalDisplay, UnattendedDisplay

if TYPE_CHECKING:
    from ds_ops_magic.watch import Watch


class FrontEnd(enum.Enum):
    """Where output goes."""

    PAGE = "a notebook page that shows widgets and updates displays"
    TERMINAL = "a terminal whose last line can be rewritten"
    UNATTENDED = "a file, a pipe or an unattended run: what is printed stays"


def front_end(shell: Any) -> FrontEnd:
    """Return what runs the current cell.

    JupyterLab and Notebook send the cell's id with each request, nbclient (and so papermill and nbval) sends nothing,
    and VS Code sets variables of its own in the kernel's environment.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return FrontEnd.TERMINAL if sys.stdout.isatty() else FrontEnd.UNATTENDED
    metadata = _request(kernel).get("metadata") or {}
    by_page = "cellId" in metadata or "trusted" in metadata
    return FrontEnd.PAGE if by_page or "VSCODE_PID" in os.environ else FrontEnd.UNATTENDED


def display_for(watch: Watch, shell: Any, mode: str = "auto") -> Display:
    """Return the display of a watch for a mode: ``auto``, ``widget``, ``html``, ``text`` or ``none``."""
    if mode == "none":
        return Display(watch)
    where = front_end(shell)
    if mode == "text" or getattr(shell, "kernel", None) is None:
        return TerminalDisplay(watch) if where is FrontEnd.TERMINAL else LogDisplay(watch)
    if mode == "html":
        return HtmlDisplay(watch)
    if mode == "widget" or where is FrontEnd.PAGE:
        return WidgetDisplay(watch)
    return UnattendedDisplay(watch)


def show_in_background(watch: Watch, shell: Any, mode: str) -> bool:
    """Show a watch that no cell waits for, until it is over; False where no page can be updated."""
    display = display_for(watch, shell, mode)
    if not isinstance(display, HtmlDisplay):
        return False
    display.start_in_background()
    return True


def log_block_for(shown_id: str, shell: Any, mode: str, number: int, *, live: bool) -> LogBlock:
    """Return what shows the last lines of a log, for a mode as of `display_for`; ``live`` while it is followed."""
    if mode == "none":
        return LogBlock(shown_id, number)
    where = front_end(shell)
    in_page = mode in ("html", "widget") or where is FrontEnd.PAGE or not live
    if mode == "text" or getattr(shell, "kernel", None) is None or not in_page:
        return PlainLog(shown_id, number, live=live)
    return PageLog(shown_id, number, live=live)


def _request(kernel: Any) -> dict[str, Any]:
    try:
        return dict(kernel.get_parent("shell") or {})
    except (AttributeError, LookupError, TypeError):
        return {}
