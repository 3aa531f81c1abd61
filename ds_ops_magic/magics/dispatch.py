"""A line of ``%op``: find its subcommand, parse what follows it, and run it; and what completes it.

Imported at the first line, with all that subcommands need: ``%load_ext`` waits for none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from IPython.core.error import UsageError

from ds_ops_magic.magics import command_line, completion, recent
from ds_ops_magic.magics.invocation import Invocation, Settings
from ds_ops_magic.magics.subcommands import SUBCOMMANDS
from ds_ops_magic.magics.targets import scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ops_magic.history.history import History
    from ds_ops_magic.magics.session import Session


class Magics(Settings, Protocol):
    """`ds_ops_magic.magics.op_magic.OpMagics`: the configuration, and what is kept from cell to cell."""

    session: Session
    shell: Any


def run(
    magics: Magics, line: str, cell: str | None, local_names: Mapping[str, Any] | None, history: History | None
) -> Any:
    """Run a line, above a cell where one is given, and return its result."""
    __tracebackhide__ = True  # IPython's: the error of a user's cell is about the cell
    hidden = line.rstrip().endswith(";")
    words = command_line.split(line.rstrip().rstrip(";"))
    if not words or words[0] in ("-h", "--help"):
        words = ["help"]
    subcommand = SUBCOMMANDS.get(words[0])
    if cell is not None and not (subcommand and subcommand.cell_summary):
        raise UsageError("%%op runs a cell and waits for what it gives: write %%op wait. See: %op help")
    if subcommand is None:
        raise UsageError(f"%op has no {words[0]!r}: it has {', '.join(SUBCOMMANDS)}. See: %op help")
    options = command_line.parse(subcommand, words[1:])
    if isinstance(options, str):
        print(options)
        return None
    scope = scope_of(magics.shell, local_names)
    try:
        result = subcommand.run(Invocation(options, scope, magics.shell, magics, magics.session, history, cell, hidden))
    finally:
        recent.print_warning(history)
    if hidden:
        magics.session.displayed.append(result)
    return result


def complete(magics: Magics, line: str, symbol: str, history: History | None) -> list[str]:
    """Complete `symbol`, the word at the end of a line."""
    ids = [*magics.session.used_ids, *recent.recent_ids(history)]
    return completion.complete(SUBCOMMANDS, line, symbol, magics.shell.user_ns, ids)
