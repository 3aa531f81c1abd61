"""The last lines of a log as one block of output, and as plain lines where a block cannot be updated."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display import render
from ds_ops_magic.display.text_display import publish
from ds_ops_magic.model.log_line import STDERR, STDOUT
from ds_ops_magic.util.text import counted, log_text

if TYPE_CHECKING:
    from ds_ops_magic.model.log_line import Batch

MAX_BYTES = 64_000
"""The most bytes of a block, as HTML: a Jupyter Server passes a megabyte a second on."""
INTERVAL = 0.3
"""Seconds between two updates of a block."""
_PRINTED = 500  # lines that are printed at once, at most: what a reader can see of more is none of it
_PRINTED_IN_ALL = 10_000  # while a log is followed


class LogBlock:
    """Keeps the last lines of a log, safe to print; the base of the displays, it shows nothing.

    Attributes:
        total: Lines that have come.
    """

    def __init__(self, operation_id: str, number: int) -> None:
        self.operation_id = operation_id
        self.total = 0
        self._number = number
        self._batches: deque[Batch] = deque()  # those that hold the last lines
        self._lines = 0
        self._sources: set[str] = set()

    def add(self, batches: list[Batch]) -> None:
        for batch in batches:
            self.total += batch.number
            self._sources.add(batch.source)
            kept = batch.last(self._number)
            self._batches.append(kept)
            self._lines += kept.number
            while self._lines - self._batches[0].number >= self._number:
                self._lines -= self._batches.popleft().number

    def tick(self) -> None:
        """Show what is new. Called often, on the thread of the cell."""

    def finish(self, foot: str) -> None:
        """Show the end of it, and a last line about it."""

    def texts(self) -> list[str]:
        """Return the last lines, safe to print; those of another source than stdout say of which."""
        kept = [(batch.source, text) for batch in self._batches for text in batch.texts()][-self._number :]
        plain = self._sources <= {STDOUT} or len(self._sources) == 1
        return [log_text(text) if plain else _marked(source, text) for source, text in kept]

    def head(self, shown: int) -> str:
        hidden = self.total - shown
        if hidden <= 0:
            return ""
        return f"{counted(hidden, 'earlier line')} not shown (%op logs {self.operation_id} --to FILE has all)"


class PlainLog(LogBlock):
    """Prints lines as they come: for terminals, pipes, and notebooks that run unattended."""

    def __init__(self, operation_id: str, number: int, *, live: bool) -> None:
        super().__init__(operation_id, number)
        self._live = live
        self._printed = 0
        self._accounted = 0  # lines that were printed, or said not to be

    def tick(self) -> None:
        if self._live and self._printed < _PRINTED_IN_ALL:
            self._print(_PRINTED)

    def finish(self, foot: str) -> None:
        self._print(self._number)
        if foot:
            print(foot, flush=True)

    def _print(self, most: int) -> None:
        new = self.total - self._accounted
        if not new:
            return
        texts = self.texts()[-min(new, most) :]
        if hidden := new - len(texts):
            print(f"{counted(hidden, 'line')} not shown (%op logs {self.operation_id} --to FILE has all)")
        print("\n".join(texts), flush=True)
        self._accounted = self.total
        self._printed += len(texts)


class PageLog(LogBlock):
    """One block of output with the last lines, updated while the log is followed."""

    def __init__(self, operation_id: str, number: int, *, live: bool) -> None:
        super().__init__(operation_id, number)
        self._live = live
        self._handle: Any = None
        self._drawn = 0
        self._due = 0.0

    def tick(self) -> None:
        now = time.monotonic()
        if self._live and self.total != self._drawn and now >= self._due:
            self._due, self._drawn = now + INTERVAL, self.total
            self._show("", updatable=True)

    def finish(self, foot: str) -> None:
        self._show(foot, updatable=False)

    def _show(self, foot: str, *, updatable: bool) -> None:
        bundle = log_bundle(self, foot)
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
        else:
            self._handle = publish(bundle, updatable=updatable)


def log_bundle(block: LogBlock, foot: str) -> dict[str, str]:
    """Return the MIME bundle of a block: the newest lines of at most `MAX_BYTES`."""
    texts, size = block.texts(), len(foot) + 500
    shown: list[str] = []
    for text in reversed(texts):
        size += render.html_size(text) + 1
        if size > MAX_BYTES:
            break
        shown.append(text)
    shown.reverse()
    head = block.head(len(shown))
    written = render.render("log", head=head, texts=shown, foot=foot)
    return {"text/html": written, "text/plain": "\n".join(filter(None, (head, *shown, foot)))}


def _marked(source: str, text: str) -> str:
    mark = "" if source == STDOUT else "[stderr] " if source == STDERR else f"[{log_text(source, 60)}] "
    return mark + log_text(text)
