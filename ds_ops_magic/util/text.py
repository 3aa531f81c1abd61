"""Text for one line: durations, counts, and text from a server, made safe to print and without tokens."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# What shows as nothing, or makes a line read as something else. A tab and a line feed are folded, or kept, before.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029"  # C0 and C1 controls (terminal escapes start with one), separators
    "\ud800-\udfff"  # lone surrogates, which no stream can encode
    # Unicode's Default_Ignorable_Code_Point: drawn as nothing by itself (joiners, fillers, selectors, tags), and the
    # bidirectional controls of UAX #9, which turn a line around.
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ufff9-\ufffb\U00013430-\U0001343f"  # other format characters that are not drawn: annotations, hieroglyphs
    "\u2800\U0001d159"  # blanks that are called symbols
)
_UNSAFE = re.compile(f"[{_UNSEEN}]+")
# Where such a character is part of how people write: emoji in their own look or joined into one, Arabic letters kept
# apart, and what a virama does to the letters of India.
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]"
)
_JOINS_BOTH_WAYS = "[\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649\u064a\u0678-\u0687\u069a-\u06bf\u06cc]"
_VIRAMA = "[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca]"
_WRITTEN = re.compile(
    f"(?<={_EMOJI})(?:\ufe0f?\u200d(?={_EMOJI})|\ufe0f)|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|(?<={_JOINS_BOTH_WAYS})\u200c(?=[\u0620-\u06d3])|(?<={_VIRAMA})[\u200c\u200d](?=[\u0900-\u0dff])"
)
# Where combining marks may be piled up: they are neither letters nor white space to `re`.
_MOST_MARKS = 5  # on one character; Hebrew with vowels and accents has that many
_PILED = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")
_SPACE = re.compile(r"[ \t\r\n]+")
# IAM tokens, OAuth tokens and API keys by their prefixes (IAM: the format that Yandex Cloud documents, with room for a
# change of its lengths; AQVN begins an API key, AQA an old OAuth token), JSON Web Tokens, whatever follows the word of
# an authorization header, and what was overwritten with as many characters.
_TOKENS = re.compile(
    r"\bt1\.[\w.=+/-]{6,}|\by[0-9]_[\w-]{10,}|\bAQ[\w-]{30,}|\beyJ[\w-]+\.[\w.-]+|(?<=Bearer )[\w.=+/-]{16,}"
    r"|(?<=Api-Key )[\w.=+/-]{16,}"
    r"|\(token\)\*+",
    re.ASCII | re.IGNORECASE,
)
# What a terminal obeys: CSI and OSC sequences (ECMA-48), colours above all.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
HIDDEN = "(token)"
"""What stands in place of a token."""


def one_line(text: str, limit: int = 256) -> str:
    """Make text from elsewhere safe to show in one line of so many characters; it still has to be escaped for HTML.

    Runs of white space become one space; runs of characters that are not drawn or change the direction, and what is
    piled up on a character, become U+FFFD; tokens are masked; what is cut ends in an ellipsis.
    """
    return _line(text, limit, masked)


def tidy(text: str, limit: int = 256) -> str:
    """Make a name from elsewhere safe to show in one line: like `one_line`, with nothing taken for a token.

    For what a user copies and types (ids, addresses, paths), names of types, and text that was masked before.
    """
    return _line(text, limit, str)


def _line(text: str, limit: int, mask: Callable[[str], str]) -> str:
    text = text.strip()
    # Cut first, so that ten megabytes cost no more than a line does; cut to the limit what has no half tokens in it.
    folded = mask(_drawn(_SPACE.sub(" ", text[: 4 * limit])).strip())
    if len(folded) > limit or len(text) > 4 * limit:
        return folded[: limit - 1].rstrip() + "…"
    return folded


def masked(text: str) -> str:
    """Return text of a service or a program without what looks like a token: it may repeat what it was given."""
    return _TOKENS.sub(HIDDEN, text)


def printable(text: str) -> str:
    """Make text of several lines safe to show: like `one_line`, with its line breaks and tabs kept."""
    return _drawn(masked(text))


def log_text(text: str, limit: int = 500) -> str:
    """Make a line of a log safe to show: like `printable`, cut to so many characters, without colours.

    Of a progress bar that was drawn over and over, the last drawing is kept.
    """
    text = text.rstrip("\r")
    text = text[text.rfind("\r") + 1 :]
    whole, text = len(text), text[: 8 * limit]
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    text = printable(text.replace("\n", " ").expandtabs())
    return text[: limit - 1] + "…" if len(text) > limit or whole > 8 * limit else text


def _drawn(text: str) -> str:
    if text.isascii() and text.isprintable():  # most of what comes, and quick to tell
        return text
    return _PILED.sub(_without_piles, _UNSAFE.sub(_replacement, text))


def _replacement(found: re.Match[str]) -> str:
    written = _WRITTEN.match(found.string, found.start())
    return found[0] if written and written.end() == found.end() else "\ufffd"


def _without_piles(found: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in found[0]:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS + 1:  # what stands for the rest tells it from the same without it
            kept.append(character if marks <= _MOST_MARKS else "\ufffd")
    return "".join(kept)


def duration(seconds: float, *, ticking: bool = False) -> str:
    """Word a length of time: ``3.2 s``, ``41 s``, ``2 min 10 s``; one that still grows (`ticking`) in full seconds."""
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
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            number = seconds / size
            halves = round(number * 2) / 2 if number < 5.0 else round(number)
            return f"{halves:g}", unit
    return f"{max(1, round(seconds))}", "s"
