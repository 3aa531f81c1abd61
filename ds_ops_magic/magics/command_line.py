"""The command line of ``%op``: one parser a subcommand."""

from __future__ import annotations

import argparse
import functools
import keyword
import math
import re
from typing import Any, NoReturn

from IPython.core.error import UsageError

SUBCOMMANDS = ("connect", "get", "wait", "watch", "cancel", "list", "help")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_OPENING = {"(": ")", "[": "]", "{": "}"}

OVERVIEW = """\
%op follows long-running operations.

  %op connect [local | yandex | ENDPOINT | SDK_VARIABLE]
                       connect; without it the first %op connects to Yandex Cloud
  %op get [TARGET...]  show operations as they are now
  %op wait [TARGET...] wait until they are done, with a live panel
  %op watch TARGET...  show them live without blocking
  %op cancel TARGET... ask for them to be cancelled
  %op list             show what was followed from here, by earlier kernels too
  %%op wait            run the cell, then wait for what it gives
  %op help SUBCOMMAND  all options of one of these

A TARGET is an operation's id, a variable (job, jobs[0], answer.operation) or {an expression}. It may hold an
operation, its id, a dictionary of the REST API or of yc --format json, a watch, or any iterable of these.
get and wait without a target mean the last one used; %op wait --last N means the last N, of earlier kernels too.
result = %op wait ID assigns; -o NAME does too.
The stop button ends the waiting, not the operation.
"""


class _Help(Exception):  # a way out of argparse, not an error
    """Help was asked for."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and never exits the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. See: %op help {self.prog.partition(' ')[2]}")

    def print_help(self, file: Any = None) -> None:
        raise _Help(self.format_help())


def parse(subcommand: str, words: list[str]) -> argparse.Namespace | str:
    """Parse what follows a subcommand.

    Returns:
        The options, or the help text when that was asked for.

    Raises:
        UsageError: The words are not of the subcommand's form.
    """
    try:
        return parser_of(subcommand).parse_intermixed_args(words)  # targets may stand on both sides of a flag
    except _Help as asked:
        return str(asked)


@functools.cache
def parser_of(subcommand: str) -> argparse.ArgumentParser:
    """Return the parser of a subcommand."""
    describe, fill = _PARSERS[subcommand]
    parser = _Parser(prog=f"%op {subcommand}", description=describe, allow_abbrev=False)
    fill(parser)
    # Written out with its % doubled: parse_intermixed_args would take that of %op for the start of a placeholder.
    parser.usage = parser.format_usage().partition(": ")[2].replace("%", "%%")
    return parser


def flags_of(subcommand: str) -> list[str]:
    """Return the flags of a subcommand, for completion."""
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
        elif char in _OPENING:
            closing.append(_OPENING[char])
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


def seconds(text: str) -> float:
    """Read a length of time: ``30`` or ``30s``, ``10m``, ``2h``, ``1d``; in seconds.

    Raises:
        argparse.ArgumentTypeError: It is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip().lower())
    value = float(found[1]) * _UNITS[found[2] or "s"] if found else math.inf
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time: give 30, 30s, 10m, 2h or 1d")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of operations: give 1 or more")
    return int(text)


def _name(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a variable")
    return text


def _unquoted(text: str) -> str:
    """Take the quotes off that kept a file's name with a space in one word."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _connect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        nargs="?",
        help="local, yandex, HOST:PORT, unix:/PATH, or a variable or {an expression} with an address or an SDK",
    )
    parser.add_argument("--discovery", metavar="HOST", help="where another region says what its endpoints are")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--iam-token-env", metavar="NAME", help="environment variable that holds the token")
    source.add_argument("--sa-key", metavar="FILE", type=_unquoted, help="authorized key of a service account, JSON")
    source.add_argument("--profile", metavar="NAME", type=_unquoted, help="profile of yc, which gives the token")
    parser.add_argument("--ca", metavar="FILE", type=_unquoted, help="PEM file of the certificates to trust")


def _get(parser: argparse.ArgumentParser) -> None:
    _targets(parser, "*")
    _output(parser)


def _wait(parser: argparse.ArgumentParser) -> None:
    _targets(parser, "*")
    _timeout(parser)
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--any", action="store_true", help="stop at the first that is done")
    until.add_argument("--fail-fast", action="store_true", help="raise at the first failure; the others go on")
    parser.add_argument("--last", type=_count, metavar="N", help="wait for the N used last, by earlier kernels too")
    parser.add_argument("--no-raise", action="store_true", help="return the last snapshots instead of raising")
    parser.add_argument("--quiet", action="store_true", help="show nothing")
    _notify(parser)
    _output(parser)


def _watch(parser: argparse.ArgumentParser) -> None:
    _targets(parser, "+")
    _notify(parser)
    _output(parser)


def _cancel(parser: argparse.ArgumentParser) -> None:
    _targets(parser, "+")
    parser.add_argument("--wait", action="store_true", help="follow it to its end, which should be: cancelled")
    _timeout(parser)
    _output(parser)


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--running", action="store_true", help="only those that have not ended")
    parser.add_argument("--limit", type=_count, default=20, metavar="N", help="at most so many (20)")
    parser.add_argument("--since", type=seconds, metavar="TIME", help="only those used in the last 30m, 12h, 2d")
    parser.add_argument("--all", action="store_true", help="of all endpoints, not only of the one connected to")
    _output(parser)


def _help(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subcommand", nargs="?", choices=SUBCOMMANDS)


def _targets(parser: argparse.ArgumentParser, number: str) -> None:
    parser.add_argument("targets", nargs=number, metavar="TARGET", help="an id, a variable or {an expression}")


def _timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=seconds, metavar="TIME", help="stop waiting after 30s, 10m, 2h; 0 asks once")


def _notify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notify", metavar="CALLABLE", help="function to call once with the outcome")


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="NAME", type=_name, help="variable to assign to, even when the wait fails"
    )


_PARSERS = {
    "connect": ("Connect to an OperationService.", _connect),
    "get": ("Show operations as they are now; the last ones used when none is named.", _get),
    "wait": ("Wait until operations are done; the last ones used when none is named.", _wait),
    "watch": ("Show operations live, without blocking; where no page can be updated, once.", _watch),
    "cancel": ("Ask for operations to be cancelled.", _cancel),
    "list": ("Show the operations that were followed from here, what was used last first.", _list),
    "help": ("Explain %op, or one of its subcommands.", _help),
}
