"""Displays of a watch as text: in a terminal, in a pipe, and in a notebook that runs unattended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display import render
from ds_ops_magic.display.panel import live_panel, static_panel

if TYPE_CHECKING:
    from ds_ops_magic.watch import Watch

SHOW_AFTER = 0.2
"""Seconds to wait for the first answers before anything is shown: what ends at once needs no live display."""
_TERMINAL_INTERVAL = 0.25  # seconds between two drawings of the terminal's line
_FIRST_LINE_AFTER = 30.0  # seconds before a log has its first line
_LINE_INTERVAL = 600.0  # seconds between two lines of a log when nothing changes


class Display:
    """A display that shows nothing; the base of the others."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._started_at = time.monotonic()

    def tick(self) -> None:
        """Keep the display up to date. Called often, from the thread that waits."""

    def finish(self) -> None:
        """Replace what is live by the static result."""


class LogDisplay(Display):
    """Plain lines for a pipe or a log: none for half a minute, then one at each change and every ten minutes."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._printed = ""
        self._printed_at = self._started_at

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._started_at < _FIRST_LINE_AFTER:
            return
        panel = live_panel(self._watch)
        state = f"{panel.counts}{panel.foot_is_warning}"
        if state != self._printed or now - self._printed_at >= _LINE_INTERVAL:
            self._printed, self._printed_at = state, now
            print(render.line(panel), flush=True)

    def finish(self) -> None:
        print(render.text(static_panel(self._watch)), flush=True)


class UnattendedDisplay(LogDisplay):
    """Lines as in a log, and the result as HTML and text: for notebooks that nobody looks at while they run."""

    def finish(self) -> None:
        publish(render.bundle(static_panel(self._watch)))


class TerminalDisplay(Display):
    """One line that is rewritten, and the result as text."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._line: TerminalLine | None = None
        self._drawn_at = 0.0

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._started_at < SHOW_AFTER or now - self._drawn_at < _TERMINAL_INTERVAL:
            return
        if self._line is None:
            self._line = TerminalLine()
        self._drawn_at = now
        self._line.draw(render.line(live_panel(self._watch)))

    def finish(self) -> None:
        if self._line is not None:
            self._line.close()
        print(render.text(static_panel(self._watch)), flush=True)


class TerminalLine:
    """The last line of a terminal, rewritten in place, and removed when it is closed."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(), auto_refresh=False, transient=True)
        self._live.start()

    def draw(self, line: str) -> None:
        from rich.text import Text

        self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    def close(self) -> None:
        self._live.stop()


def publish(bundle: dict[str, Any], *, updatable: bool = False) -> Any:
    """Display a MIME bundle as output of the running cell; return the handle to update it with, if ``updatable``."""
    from IPython import display

    show: Any = display.display  # untyped
    return show(bundle, raw=True, display_id=True) if updatable else show(bundle, raw=True)
