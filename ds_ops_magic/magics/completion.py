"""Tab completion of ``%op``: subcommands, flags, ids of the history, and variables that hold operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.magics.command_line import SUBCOMMANDS, flags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOLDERS = {"Listing", "Operation", "OperationResult", "Operations", "Watch"}


def complete(line: str, symbol: str, namespace: Mapping[str, Any], ids: Iterable[str]) -> list[str]:
    """Complete the word at the end of a line.

    Args:
        line: The line up to the cursor, with its ``%op``, which an assignment may stand before.
        symbol: The word to complete, empty for a new one.
        namespace: The user's variables.
        ids: The operations that were asked about, by this kernel or earlier ones.
    """
    words = line[max(0, line.find("%op")) :].split()
    before = words[1:] if not symbol else words[1:-1]
    if not before:
        return [name for name in SUBCOMMANDS if name.startswith(symbol)]
    subcommand = before[0]
    if subcommand not in SUBCOMMANDS:
        return []
    if symbol.startswith("-"):
        return [flag for flag in flags_of(subcommand) if flag.startswith(symbol)]
    return [word for word in _words(subcommand, namespace, ids) if word.startswith(symbol)]


def _words(subcommand: str, namespace: Mapping[str, Any], ids: Iterable[str]) -> list[str]:
    if subcommand == "help":
        return list(SUBCOMMANDS)
    if subcommand == "connect":
        return ["local", "yandex", *_variables(namespace, {"SDK"})]
    if subcommand == "list":
        return []
    return [*_variables(namespace, _HOLDERS), *sorted(set(ids))]


def _variables(namespace: Mapping[str, Any], types: set[str]) -> list[str]:
    return sorted(
        name
        for name, value in namespace.items()
        if not name.startswith("_") and type(_first_of(value)).__name__ in types
    )


def _first_of(value: Any) -> Any:
    """Return the first member of a plain collection, and anything else as it is."""
    if type(value) is dict:
        value = list(value.values())[:1]
    return value[0] if type(value) in (list, tuple) and value else value
