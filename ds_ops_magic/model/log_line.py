"""A line of the log of a job."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from ds_ops_magic.util.public_names import restore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDOUT, STDERR = "stdout", "stderr"


class LogLine(NamedTuple):
    r"""One line of what a job has written; as text, it is what was written.

    A line of more than 64 KB comes in pieces of that.

    Attributes:
        source: ``stdout``, ``stderr``, or the path of the file that was written to.
        text: The line as it came, without its end: hostile until escaped. What is no UTF-8 stands there as ``\xff``;
            a progress bar that was drawn over and over is one line, with a ``\r`` before each drawing.
        created_at: When the service had the end of the line, UTC; None where it does not say.
    """

    source: str
    text: str
    created_at: datetime | None

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("LogLine", *self)


class Batch(NamedTuple):
    """Lines of one source that came together: made into `LogLine` where they are read."""

    source: str
    texts: Sequence[str]
    created_at: datetime | None
    size: int  # bytes, about

    def lines(self) -> Iterator[LogLine]:
        # Without a call of Python for each: a log can have hundreds of thousands of lines a second.
        return map(_LINE_OF, zip(repeat(self.source), self.texts, repeat(self.created_at)))

    def last(self, number: int) -> Batch:
        """Return the last lines alone."""
        kept = self.texts[-number:]
        return self._replace(texts=kept, size=self.size * len(kept) // max(1, len(self.texts)))


_LINE_OF: Any = partial(tuple.__new__, LogLine)


def utc(seconds: int, nanos: int) -> datetime | None:
    """Return the time of a protobuf Timestamp; None where it is unset, or no calendar holds it."""
    if not seconds and not nanos:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=nanos // 1000)
    except (ValueError, OverflowError, OSError):
        return None
