"""How a watch is shown: which display, for which front end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.display.frontend import FrontEnd, front_end
from ds_ops_magic.display.page_display import HtmlDisplay, WidgetDisplay
from ds_ops_magic.display.text_display import Display, LogDisplay, TerminalDisplay, UnattendedDisplay

if TYPE_CHECKING:
    from ds_ops_magic.watch import Watch


def show(watch: Watch, shell: Any, mode: str = "auto") -> Display:
    """Show a watch.

    Args:
        watch: What to show.
        shell: The IPython shell whose cell runs.
        mode: ``auto``, ``widget``, ``html``, ``text`` or ``none``.

    Returns:
        What is shown: call `Display.tick` often from the waiting thread, and `Display.finish` at the end.
    """
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


def show_freely(watch: Watch, shell: Any, mode: str) -> bool:
    """Show a watch that nobody waits on until it is over; False where there is no page that can be updated."""
    shown = show(watch, shell, mode)
    if not isinstance(shown, HtmlDisplay):
        return False
    shown.start_alone()
    return True
