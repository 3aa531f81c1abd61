"""A watch shown as text: in a terminal, in a pipe, and in a notebook that nobody looks at while it runs."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display import render
from ds_ops_magic.display.furthest import kept
from ds_ops_magic.display.panel import FOLD_ABOVE, Panel, panel_of

if TYPE_CHECKING:
    from ds_ops_magic.display.terminal import TerminalLine
    from ds_ops_magic.watch import Watch

PATIENCE = 0.2
"""Seconds to wait for the first answer before anything is shown: what is done at once needs no live panel."""
_TERMINAL_EVERY = 0.25  # seconds between two drawings of the terminal's line
_QUIET_FOR = 30.0  # seconds before an unattended run prints its first line
_LINE_EVERY = 600.0  # seconds between two such lines when nothing changes


def panel(watch: Watch, most: int = FOLD_ABOVE, hint: str = "") -> Panel:
    """Compute the panel of a watch as it is now; the arguments are those of `ds_ops_magic.display.panel.panel_of`."""
    return kept(watch, panel_of(watch.view(), datetime.now(timezone.utc), most, hint))


class Display:
    """A watch that is not shown at all; the base of those that are."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._since = time.monotonic()

    def tick(self) -> None:
        """Keep the display alive. Called often, from the thread that waits."""

    def finish(self) -> None:
        """Replace what is live by the static result."""


class LogDisplay(Display):
    """Plain lines for a pipe or a log: none for half a minute, then one at each change and every ten minutes."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._said = ""
        self._said_at = self._since

    def tick(self) -> None:
        """Print a line when it is time for one."""
        now = time.monotonic()
        if now - self._since < _QUIET_FOR:
            return
        current = panel(self._watch)
        state = f"{current.counts}{current.troubled}"
        if state != self._said or now - self._said_at >= _LINE_EVERY:
            self._said, self._said_at = state, now
            print(render.line(current), flush=True)

    def finish(self) -> None:
        """Print the result."""
        print(render.text(panel(self._watch, render.MOST_ROWS)), flush=True)


class UnattendedDisplay(LogDisplay):
    """Lines while it runs, and the result once as HTML and text: for notebooks that nobody looks at while they run."""

    def finish(self) -> None:
        """Display the result."""
        publish(render.bundle(panel(self._watch, render.MOST_ROWS)))


class TerminalDisplay(Display):
    """One line that is rewritten, and the result as text."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._line: TerminalLine | None = None
        self._drawn_at = 0.0

    def tick(self) -> None:
        """Rewrite the line."""
        now = time.monotonic()
        if now - self._since < PATIENCE or now - self._drawn_at < _TERMINAL_EVERY:
            return
        if self._line is None:
            from ds_ops_magic.display.terminal import TerminalLine

            self._line = TerminalLine()
        self._drawn_at = now
        self._line.draw(render.line(panel(self._watch)))

    def finish(self) -> None:
        """Take the line away, and print the result."""
        if self._line is not None:
            self._line.close()
        print(render.text(panel(self._watch, render.MOST_ROWS)), flush=True)


def publish(bundle: dict[str, Any], *, updatable: bool = False) -> Any:
    """Display a MIME bundle as output of the running cell.

    Returns:
        The handle to update it with, where that is wanted.
    """
    from IPython import display

    show: Any = display.display  # untyped
    return show(bundle, raw=True, display_id=True) if updatable else show(bundle, raw=True)
