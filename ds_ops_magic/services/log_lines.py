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
            yield Batch(source, _lines(complete), created_at, len(complete))
            begun = None
        if end == len(content):
            if begun:  # the message was empty
                self._unfinished[source] = begun
            return
        rest = begun if begun is not None else bytearray()
        rest += content[end:]
        if pieces := _take_pieces(rest):
            yield Batch(source, [_decoded(piece) for piece in pieces], created_at, sum(map(len, pieces)))
        self._unfinished[source] = rest
        if len(self._unfinished) > MOST_SOURCES:
            yield self._ended(next(iter(self._unfinished)))

    def finish(self) -> Iterator[Batch]:
        """Give the lines that were never finished: at the end, each is one."""
        for source in list(self._unfinished):
            yield self._ended(source)

    def _ended(self, source: str) -> Batch:
        rest = self._unfinished.pop(source)
        return Batch(source, [_decoded(rest).removesuffix("\r")], self._created_at, len(rest))


def _lines(complete: bytes) -> list[str]:
    """Split what ends with a line feed. Decoded as a whole: no broken character reaches over a line feed."""
    if _has_long_line(complete):
        pieces = []
        for line in complete[:-1].split(b"\n"):
            rest = bytearray(line)
            pieces += [*_take_pieces(rest), bytes(rest)]
        lines = [_decoded(piece) for piece in pieces]
    else:
        lines = _decoded(complete).split("\n")
        lines.pop()
    if b"\r\n" in complete:
        return [line.removesuffix("\r") for line in lines]
    return lines


def _has_long_line(complete: bytes) -> bool:
    begin = 0
    while len(complete) - begin > LONGEST_LINE:
        begin = complete.rfind(b"\n", begin, begin + LONGEST_LINE + 1) + 1
        if not begin:
            return True
    return False


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


def _decoded(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "backslashreplace")
