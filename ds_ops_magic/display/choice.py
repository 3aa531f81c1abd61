"""How a watch is shown: which display, for which front end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.display.frontend import FrontEnd, front_end
from ds_ops_magic.display.page_display import HtmlShown, WidgetShown
from ds_ops_magic.display.text_display import LinesShown, Shown, TerminalShown, UnattendedShown

if TYPE_CHECKING:
    from ds_ops_magic.watch import Watch


def show(watch: Watch, shell: Any, mode: str = "auto") -> Shown:
    """Show a watch.

    Args:
        watch: What to show.
        shell: The IPython shell whose cell runs.
        mode: ``auto``, ``widget``, ``html``, ``text`` or ``none``.

    Returns:
        What is shown: call `Shown.tick` often from the waiting thread, and `Shown.finish` at the end.
    """
    if mode == "none":
        return Shown(watch)
    where = front_end(shell)
    if mode == "text" or getattr(shell, "kernel", None) is None:
        return TerminalShown(watch) if where is FrontEnd.TERMINAL else LinesShown(watch)
    if mode == "html":
        return HtmlShown(watch)
    if mode == "widget" or where is FrontEnd.PAGE:
        return WidgetShown(watch)
    return UnattendedShown(watch)


def show_freely(watch: Watch, shell: Any, mode: str) -> bool:
    """Show a watch that nobody waits on until it is over; False where there is no page that can be updated."""
    shown = show(watch, shell, mode)
    if not isinstance(shown, HtmlShown):
        return False
    shown.start_alone()
    return True
