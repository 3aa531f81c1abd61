"""From the messages of a log, cut anywhere, to complete lines. No input or output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.model.log_line import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

LONGEST_LINE = 65_536
"""Bytes of a line at most: a longer one is cut into pieces, so that none has to be held as a whole."""
MOST_SOURCES = 1_000
"""Sources whose line is unfinished, at most: of one more, what has waited longest is taken for a line."""


class LineAssembler:
    """Puts the lines of each source together; where they were cut makes no difference to what comes out."""

    def __init__(self) -> None:
        self._unfinished: dict[str, bytearray] = {}
        self._created_at: datetime | None = None

    def add(self, source: str, content: bytes, created_at: datetime | None = None) -> Iterator[Batch]:
        """Take a message over, and give the lines that it completes."""
        self._created_at = created_at
        begun = self._unfinished.pop(source, None)
        end = content.rfind(b"\n") + 1
        if end:
            complete = content if end == len(content) else content[:end]
            if begun:
                complete = bytes(begun) + complete
            for data in _without_long_lines(complete):
                yield Batch(source, data, created_at)
            begun = None
        if end == len(content) and not begun:
            return
        rest = begun if begun is not None else bytearray()
        rest += content[end:]
        for piece in _take_pieces(rest):
            yield Batch(source, piece, created_at)
        self._unfinished[source] = rest
        if len(self._unfinished) > MOST_SOURCES:
            yield self._ended(next(iter(self._unfinished)))

    def finish(self) -> Iterator[Batch]:
        """Give the lines that were never finished: at the end, each is one."""
        for source in list(self._unfinished):
            yield self._ended(source)

    def _ended(self, source: str) -> Batch:
        return Batch(source, bytes(self._unfinished.pop(source)), self._created_at)


def _without_long_lines(complete: bytes) -> Iterator[bytes]:
    """Give complete lines as they are, but for those that are too long: these in pieces."""
    begin = end = 0  # of what was looked at and not given
    while len(complete) - end > LONGEST_LINE:
        found = complete.rfind(b"\n", end, end + LONGEST_LINE + 1) + 1
        if found:
            end = found
            continue
        if end > begin:
            yield complete[begin:end]
        begin = complete.index(b"\n", end) + 1
        line = bytearray(complete[end : begin - 1])
        end = begin
        yield from _take_pieces(line)
        yield bytes(line) + b"\n"
    if begin < len(complete):
        yield complete[begin:] if begin else complete


def _take_pieces(line: bytearray) -> list[bytes]:
    """Take pieces of the full length off a line, as long as something of it is left; none ends within a character."""
    pieces, begin = [], 0
    while len(line) - begin > LONGEST_LINE:
        end = begin + LONGEST_LINE
        within = next((back for back in range(4) if line[end - back] & 0xC0 != 0x80), 0)
        pieces.append(bytes(line[begin : end - within]))
        begin = end - within
    del line[:begin]
    return pieces
