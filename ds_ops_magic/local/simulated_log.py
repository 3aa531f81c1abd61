"""The log of a simulated job, whose lines appear by the clock: no thread, and the same after a restart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from ds_ops_magic.local.results import short_repr

STDOUT = "stdout"
STDERR = "stderr"

MAX_LOG = 10_000_000
"""The most characters of a log."""

MAX_LINE = 1_000_000
"""The most characters of a line: a gRPC client refuses an answer over 4 MB, and a character has up to 4 bytes."""

_MAX_SOURCE = 256


class LogLine(NamedTuple):
    """A line without its line break; ``source`` is ``stdout``, ``stderr`` or the path of a file."""

    source: str
    text: str

    @property
    def content(self) -> bytes:
        return f"{self.text}\n".encode()


class SimulatedLog:
    """Lines spread evenly over a job, the first at its beginning; ``length`` is that of the job, in nanoseconds."""

    def __init__(self, lines: Sequence[LogLine], length: int) -> None:
        self.lines = lines
        self._length = length

    def count_at(self, elapsed: int) -> int:
        """Return how many lines have appeared so many nanoseconds after the beginning."""
        if not self._length:
            return len(self.lines)
        return min(len(self.lines), elapsed * len(self.lines) // self._length + 1)

    def time_of(self, number: int) -> int:
        """Return the nanoseconds from the beginning to a line; the first has the number 0."""
        return -(-self._length * number // len(self.lines))


def checked_log(log: object) -> tuple[LogLine, ...]:
    """Return the lines of a log as a user gives them: texts of stdout, and pairs of a source and a text.

    Raises:
        ValueError: It is something else, or too long.
    """
    if log is None:
        return ()
    if isinstance(log, (str, bytes)) or not isinstance(log, Sequence):
        raise ValueError(f"log is a list of lines, not {short_repr(log)}.")
    lines = tuple(map(_line, log))
    size = sum(len(line.text) for line in lines)
    if size > MAX_LOG:
        raise ValueError(f"log has at most {MAX_LOG:,} characters, not {size:,}.")
    return lines


def to_json(lines: Sequence[LogLine]) -> str:
    return json.dumps(lines)


def from_json(text: str) -> tuple[LogLine, ...]:
    """Read what `to_json` wrote; raises ValueError for anything else."""
    return checked_log(json.loads(text))


def _line(item: object) -> LogLine:
    if isinstance(item, str):
        source, text = STDOUT, item
    elif isinstance(item, (tuple, list)) and len(item) == 2 and all(isinstance(part, str) for part in item):
        source, text = item
    else:
        raise ValueError(f"A line of log is a string, or a pair (source, text), not {short_repr(item)}.")
    if "\n" in text or len(text) > MAX_LINE:
        raise ValueError(f"A line of log has no line break, and at most {MAX_LINE:,} characters: {short_repr(text)}.")
    if not 1 <= len(source) <= _MAX_SOURCE or not source.isprintable():
        raise ValueError(f"The source of a line is stdout, stderr or the path of a file, not {short_repr(source)}.")
    return LogLine(source, text.encode("utf-8", "replace").decode())
