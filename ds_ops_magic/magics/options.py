"""Options that subcommands of ``%op`` share, and the values that options take."""

from __future__ import annotations

import argparse
import keyword
import math
import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add_targets(parser: argparse.ArgumentParser, number: str) -> None:
    """Add operations to name: ``*`` for any number, ``+`` for one at least."""
    parser.add_argument("targets", nargs=number, metavar="TARGET", help="an id, a variable or {an expression}")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Add ``--timeout``."""
    parser.add_argument("--timeout", type=seconds, metavar="TIME", help="stop waiting after 30s, 10m, 2h; 0 asks once")


def add_notify(parser: argparse.ArgumentParser) -> None:
    """Add ``--notify``."""
    parser.add_argument("--notify", metavar="CALLABLE", help="function to call once with the outcome")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``-o``."""
    parser.add_argument(
        "-o", "--output", metavar="NAME", type=variable_name, help="variable to assign to, even when the wait fails"
    )


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


def count(text: str) -> int:
    """Read a number of operations.

    Raises:
        argparse.ArgumentTypeError: It is no number, or 0.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of operations: give 1 or more")
    return int(text)


def variable_name(text: str) -> str:
    """Read the name of a variable.

    Raises:
        argparse.ArgumentTypeError: No variable can have it.
    """
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a variable")
    return text


def unquoted(text: str) -> str:
    """Take off the quotes that keep a file's name with a space in one word."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
