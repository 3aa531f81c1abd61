"""The table of subcommands, and the help that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.magics.command_line import parser_of
from ds_ops_magic.magics.subcommand import Subcommand
from ds_ops_magic.magics.subcommands.cancel import CANCEL
from ds_ops_magic.magics.subcommands.connect import CONNECT
from ds_ops_magic.magics.subcommands.get import GET
from ds_ops_magic.magics.subcommands.list import LIST
from ds_ops_magic.magics.subcommands.wait import WAIT
from ds_ops_magic.magics.subcommands.watch import WATCH

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from ds_ops_magic.magics.invocation import Invocation

_SUMMARY_COLUMN = 23


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subcommand", nargs="?", choices=tuple(SUBCOMMANDS))


def _run(invocation: Invocation) -> None:
    name = invocation.options.subcommand
    print(parser_of(SUBCOMMANDS[name]).format_help() if name else OVERVIEW)


def _complete(namespace: Mapping[str, Any], ids: Iterable[str]) -> list[str]:
    return list(SUBCOMMANDS)


HELP = Subcommand(
    name="help",
    arguments="SUBCOMMAND",
    summary="all options of one of these",
    description="Explain %op, or one of its subcommands.",
    add_arguments=_add_arguments,
    run=_run,
    complete=_complete,
)

SUBCOMMANDS = {one.name: one for one in (CONNECT, GET, WAIT, WATCH, CANCEL, LIST, HELP)}
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
