"""What a subcommand of ``%op`` consists of, the options that several have, and the parsing of a line."""

from __future__ import annotations

import argparse
import functools
import keyword
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ds_ops_magic.magics.invocation import Invocation

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, kw_only=True)
class Subcommand:
    """One subcommand of ``%op``."""

    name: str
    arguments: str  # as the overview of %op help shows them
    summary: str  # what it does, as the overview says it
    cell_summary: str = ""  # what %%op with it does; empty where it takes no cell
    description: str  # what it does, at the head of its own help
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Invocation], Any]
    # The words that may follow it, options aside, from the user's variables and the known ids.
    complete: Callable[[Mapping[str, Any], Iterable[str]], list[str]] = lambda namespace, ids: []


def add_targets(parser: argparse.ArgumentParser, number: str) -> None:
    """Add operations to name: ``*`` for any number, ``+`` for one at least."""
    parser.add_argument("targets", nargs=number, metavar="TARGET", help="an id, a variable or {an expression}")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=seconds, metavar="TIME", help="stop waiting after 30s, 10m, 2h; 0 asks once")


def add_notify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notify", metavar="CALLABLE", help="function to call once with the outcome")


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="NAME", type=variable_name, help="variable to assign to, even when the wait fails"
    )


def seconds(text: str) -> float:
    """Read a length of time: ``30`` or ``30s``, ``10m``, ``2h``, ``1d``; in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip().lower())
    value = float(found[1]) * _UNITS[found[2] or "s"] if found else math.inf
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time: give 30, 30s, 10m, 2h or 1d")
    return value


def count(text: str) -> int:
    """Read a number of operations, 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of operations: give 1 or more")
    return int(text)


def variable_name(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a variable")
    return text


def unquoted(text: str) -> str:
    """Take off the quotes that keep a file's name with a space in one word."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


class _HelpRequested(Exception):
    """Ends the parsing where argparse would exit."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and never exits the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. See: %op help {self.prog.partition(' ')[2]}")

    def print_help(self, file: Any = None) -> None:
        raise _HelpRequested(self.format_help())


def parse(subcommand: Subcommand, words: list[str]) -> argparse.Namespace | str:
    """Parse what follows a subcommand; returns the help text where that was asked for."""
    try:
        return parser_of(subcommand).parse_intermixed_args(words)  # targets may stand on both sides of a flag
    except _HelpRequested as request:
        return str(request)


@functools.cache
def parser_of(subcommand: Subcommand) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"%op {subcommand.name}", description=subcommand.description, allow_abbrev=False)
    subcommand.add_arguments(parser)
    # Written out with its % doubled: parse_intermixed_args would take that of %op for the start of a placeholder.
    parser.usage = parser.format_usage().partition(": ")[2].replace("%", "%%")
    return parser


def split(line: str) -> list[str]:
    """Split a line at white space outside of brackets and quotes: ``{a + b}`` and ``jobs["x y"]`` stay whole."""
    words, word, closing, quote = [], "", [], ""
    for char in line:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _CLOSING:
            closing.append(_CLOSING[char])
        elif closing and char == closing[-1]:
            closing.pop()
        if char.isspace() and not quote and not closing:
            words.append(word)
            word = ""
        else:
            word += char
    if quote or closing:
        raise UsageError(f"%op: {quote or closing[-1]} is missing at the end of: {line.strip()}")
    return [word for word in [*words, word] if word]
