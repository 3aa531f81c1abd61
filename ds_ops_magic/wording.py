"""How quantities and foreign text read in one line: durations, counts, and what came from a server, without tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# C0 and C1 controls (terminal escapes start with one), line and paragraph separators, zero-width characters,
# the bidirectional overrides that make a line read as something else (UAX #9), and lone surrogates, which no
# stream can encode.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_SPACE = re.compile(r"[ \t\r\n]+")
# IAM tokens and OAuth tokens by their prefixes (IAM: the format that Yandex Cloud documents, with room for a change of
# its lengths), JSON Web Tokens, and whatever follows the word of an authorization header.
_TOKENS = re.compile(
    r"\bt1\.[\w.=+/-]{6,}|\by[0-9]_[\w-]{10,}|\bAQ[\w-]{30,}|\beyJ[\w-]+\.[\w.-]+|(?<=Bearer )[\w.=+/-]{16,}",
    re.ASCII | re.IGNORECASE,
)
HIDDEN = "(token)"
"""What stands in place of a token."""


def one_line(text: str, limit: int = 256) -> str:
    """Make foreign words safe to show in one line, without what looks like a token in them.

    Args:
        text: Anything; a string from a server is hostile until it has passed here.
        limit: The most characters to keep; what is cut ends in an ellipsis.

    Returns:
        The text with runs of white space folded into one space, every control or direction character replaced by
        U+FFFD, and tokens masked. It still has to be escaped for HTML.
    """
    return _line(text, limit, masked)


def tidy(text: str, limit: int = 256) -> str:
    """Make a foreign name safe to show in one line: like `one_line`, with nothing in it taken for a token.

    For what a user copies and types (ids, addresses, paths), names of types, and words that were masked before.
    """
    return _line(text, limit, str)


def _line(text: str, limit: int, mask: Callable[[str], str]) -> str:
    text = text.strip()
    # Cut first, so that ten megabytes cost no more than a line does; cut to the limit what has no half tokens in it.
    folded = mask(_UNSAFE.sub("\ufffd", _SPACE.sub(" ", text[: 4 * limit])).strip())
    if len(folded) > limit or len(text) > 4 * limit:
        return folded[: limit - 1].rstrip() + "…"
    return folded


def masked(words: str) -> str:
    """Return words of a service or a program without what looks like a token: they may repeat what they were given."""
    return _TOKENS.sub(HIDDEN, words)


def printable(text: str) -> str:
    """Make text of several lines safe to show: like `one_line`, with its line breaks and tabs kept."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in "\n\t" else "\ufffd", masked(text))


def duration(seconds: float, *, ticking: bool = False) -> str:
    """Word a length of time the way the panel shows it: ``3.2 s``, ``41 s``, ``2 min 10 s``, ``1 h 05 min``.

    Args:
        seconds: Length in seconds; a negative one counts as 0.
        ticking: Whether it still grows: then it counts in whole seconds, down to the last full one.
    """
    seconds = max(0.0, seconds)
    if ticking:
        seconds = int(seconds)
    if seconds < 9.95 and not ticking:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def counted(number: int, noun: str = "operation") -> str:
    """Word a count with its noun: ``1 operation``, ``10,000 operations``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def length_range(shortest: float, longest: float) -> str:
    """Word a range of lengths of time in seconds, roughly: ``2-4 min``, ``50 s-2 min``, ``about 3 min``."""
    (first, unit), (last, unit_of_last) = _rough(shortest), _rough(longest)
    if (first, unit) == (last, unit_of_last):
        return f"about {last} {unit_of_last}"
    return f"{first}-{last} {unit}" if unit == unit_of_last else f"{first} {unit}-{last} {unit_of_last}"


def _rough(seconds: float) -> tuple[str, str]:
    """Give a length as a number of at most two digits or so, and its unit."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            number = seconds / size
            halves = round(number * 2) / 2 if number < 5.0 else round(number)
            return f"{halves:g}", unit
    return f"{max(1, round(seconds))}", "s"
