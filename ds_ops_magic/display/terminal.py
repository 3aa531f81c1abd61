"""One live line in a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text


class TerminalLine:
    """A last line that is rewritten in place, and gone when it is closed."""

    def __init__(self) -> None:
        self._live: Any = Live(console=Console(), auto_refresh=False, transient=True)
        self._live.start()

    def draw(self, line: str) -> None:
        """Show a line; what does not fit into the terminal is cut."""
        self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    def close(self) -> None:
        """Take the line away."""
        self._live.stop()
