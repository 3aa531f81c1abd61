"""The table of subcommands of ``%op``, and the help that follows from it.

To add a subcommand:

1. Write a module here like `show`: ``_add_arguments(parser)``, ``_run(invocation)``, and a `Subcommand` of both.
   A new flag of ``%op wait`` goes into ``_add_arguments`` and ``_run`` of `wait`.
2. Put it into the table below. Help, completion and error messages follow from it.
3. Options that others have too are in `ds_ops_magic.magics.command_line`.
4. What ``_run`` can use is in `ds_ops_magic.magics.invocation`; it waits by `ds_ops_magic.magics.wait.wait_and_show`.
5. Add a line of its use to ``EXAMPLES`` in ``tests/magics/subcommands/test_table.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.magics.command_line import Subcommand, parser_of
from ds_ops_magic.magics.subcommands.cancel import CANCEL
from ds_ops_magic.magics.subcommands.connect import CONNECT
from ds_ops_magic.magics.subcommands.listing import LIST
from ds_ops_magic.magics.subcommands.logs import LOGS
from ds_ops_magic.magics.subcommands.show import GET, WATCH
from ds_ops_magic.magics.subcommands.wait import WAIT

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.magics.invocation import Invocation

_SUMMARY_COLUMN = 23


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subcommand", nargs="?", choices=tuple(SUBCOMMANDS))


def _run(invocation: Invocation) -> None:
    name = invocation.options.subcommand
    print(parser_of(SUBCOMMANDS[name]).format_help() if name else OVERVIEW)


HELP = Subcommand(
    name="help",
    arguments="SUBCOMMAND",
    summary="all options of one of these",
    description="Explain %op, or one of its subcommands.",
    add_arguments=_add_arguments,
    run=_run,
    complete=lambda namespace, ids: list(SUBCOMMANDS),
)

SUBCOMMANDS: dict[str, Subcommand] = {one.name: one for one in (CONNECT, GET, WAIT, WATCH, CANCEL, LOGS, LIST, HELP)}
"""All subcommands by name, in the order of help and completion."""

_TARGETS = """
A TARGET is an operation's id, a variable (job, jobs[0], answer.operation) or {an expression}. It may hold an
operation, its id, a dictionary of the REST API or of yc --format json, a watch, or any iterable of these.
get and wait without a target mean the last one used; %op wait --last N means the last N, of earlier kernels too.
result = %op wait ID assigns; -o NAME does too.
The stop button ends the waiting, not the operation.
"""


def _overview() -> str:
    lines = [_line(f"%op {one.name} {one.arguments}", one.summary) for one in SUBCOMMANDS.values()]
    cells = [_line(f"%%op {one.name}", one.cell_summary) for one in SUBCOMMANDS.values() if one.cell_summary]
    return "\n".join(["%op follows long-running operations.", "", *lines[:-1], *cells, lines[-1], _TARGETS])


def _line(usage: str, summary: str) -> str:
    column = f"  {usage.rstrip()} "
    if len(column) > _SUMMARY_COLUMN:
        return f"{column.rstrip()}\n{'':{_SUMMARY_COLUMN}}{summary}"
    return f"{column:{_SUMMARY_COLUMN}}{summary}"


OVERVIEW = _overview()
"""What ``%op help`` and ``%op?`` say."""
