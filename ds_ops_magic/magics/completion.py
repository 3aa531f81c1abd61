"""Tab completion of ``%op``: subcommands, flags, and the words that a subcommand offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.magics.command_line import parser_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ds_ops_magic.magics.command_line import Subcommand

_TARGET_TYPES = {"Job", "Listing", "Operation", "OperationResult", "Operations", "Watch"}
# Of the SDKs of DataSphere and AI Studio.
_TARGET_TYPES |= {"AsyncOperation", "AsyncTuningTask", "JobWrapper", "TuningTask"}


def complete(
    subcommands: Mapping[str, Subcommand], line: str, symbol: str, namespace: Mapping[str, Any], ids: Iterable[str]
) -> list[str]:
    """Complete `symbol`, the word at the end of a line, which is empty for a new one.

    The line ends at the cursor; an assignment may stand before its ``%op``.
    """
    words = line[max(0, line.find("%op")) :].split()
    before = words[1:] if not symbol else words[1:-1]
    if not before:
        return [name for name in subcommands if name.startswith(symbol)]
    subcommand = subcommands.get(before[0])
    if subcommand is None:
        return []
    if symbol.startswith("-"):
        offered = [flag for action in parser_of(subcommand)._actions for flag in action.option_strings]
    else:
        offered = subcommand.complete(namespace, ids)
    return [word for word in offered if word.startswith(symbol)]


def targets(namespace: Mapping[str, Any], ids: Iterable[str]) -> list[str]:
    """Offer what stands for operations: variables, then ids."""
    return [*variables(namespace, _TARGET_TYPES), *sorted(set(ids))]


def variables(namespace: Mapping[str, Any], types: set[str]) -> list[str]:
    """Offer the variables that hold a value of these types, given by name, or a collection that begins with one."""
    return sorted(
        name
        for name, value in namespace.items()
        if not name.startswith("_") and type(_first_of(value)).__name__ in types
    )


def _first_of(value: Any) -> Any:
    if type(value) is dict:
        value = list(value.values())[:1]
    return value[0] if type(value) in (list, tuple) and value else value
