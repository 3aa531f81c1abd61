"""``%op list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.magics.listing import list_operations
from ds_ops_magic.magics.options import add_output, count, seconds
from ds_ops_magic.magics.subcommand import Subcommand

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.display.table import Listing
    from ds_ops_magic.magics.invocation import Invocation


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--running", action="store_true", help="only those that have not ended")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="at most so many (20)")
    parser.add_argument("--since", type=seconds, metavar="TIME", help="only those used in the last 30m, 12h, 2d")
    parser.add_argument("--all", action="store_true", help="of all endpoints, not only of the one connected to")
    add_output(parser)


def _run(invocation: Invocation) -> Listing:
    session = invocation.session
    return invocation.assign(list_operations(invocation.history, invocation.options, session.client, invocation.client))


LIST = Subcommand(
    name="list",
    arguments="",
    summary="show what was followed from here, by earlier kernels too",
    description="Show the operations that were followed from here, what was used last first.",
    add_arguments=_add_arguments,
    run=_run,
)
