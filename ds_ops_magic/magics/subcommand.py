"""What a subcommand of ``%op`` consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping

    from ds_ops_magic.magics.invocation import Invocation


def no_words(namespace: Mapping[str, Any], ids: Iterable[str]) -> list[str]:
    """Offer nothing for completion."""
    return []


@dataclass(frozen=True, kw_only=True)
class Subcommand:
    """One subcommand of ``%op``.

    Attributes:
        name: What the user types.
        arguments: Its arguments, as the overview of ``%op help`` shows them.
        summary: What it does, as the overview says it.
        description: What it does, at the head of its own help.
        add_arguments: Adds its arguments and options to an empty parser.
        run: Carries it out and returns what the line gives.
        complete: Offers the words that may follow it, options aside; takes the user's variables and the known ids.
        cell_summary: What ``%%op`` with it does, as the overview says it; empty where it takes no cell.
    """

    name: str
    arguments: str
    summary: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Invocation], Any]
    complete: Callable[[Mapping[str, Any], Iterable[str]], list[str]] = no_words
    cell_summary: str = ""
