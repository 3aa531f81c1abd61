"""Split and parse a line of ``%op``."""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from ds_ops_magic.magics.subcommand import Subcommand

_CLOSING = {"(": ")", "[": "]", "{": "}"}


class _HelpRequested(Exception):
    """Ends the parsing where argparse would exit."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and never exits the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. See: %op help {self.prog.partition(' ')[2]}")

    def print_help(self, file: Any = None) -> None:
        raise _HelpRequested(self.format_help())


def parse(subcommand: Subcommand, words: list[str]) -> argparse.Namespace | str:
    """Parse what follows a subcommand.

    Returns:
        The options, or the help text when that was asked for.

    Raises:
        UsageError: The words are not of the subcommand's form.
    """
    try:
        return parser_of(subcommand).parse_intermixed_args(words)  # targets may stand on both sides of a flag
    except _HelpRequested as request:
        return str(request)


@functools.cache
def parser_of(subcommand: Subcommand) -> argparse.ArgumentParser:
    """Return the parser of a subcommand."""
    parser = _Parser(prog=f"%op {subcommand.name}", description=subcommand.description, allow_abbrev=False)
    subcommand.add_arguments(parser)
    # Written out with its % doubled: parse_intermixed_args would take that of %op for the start of a placeholder.
    parser.usage = parser.format_usage().partition(": ")[2].replace("%", "%%")
    return parser


def flags_of(subcommand: Subcommand) -> list[str]:
    """Return the flags of a subcommand."""
    return [flag for action in parser_of(subcommand)._actions for flag in action.option_strings]


def split(line: str) -> list[str]:
    """Split a line at white space outside of brackets and quotes, so that ``{a + b}`` and ``jobs["x y"]`` stay whole.

    Raises:
        UsageError: A bracket or a quote is not closed.
    """
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
