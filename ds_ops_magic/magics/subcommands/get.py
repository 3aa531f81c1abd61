"""``%op get``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.magics import completion
from ds_ops_magic.magics.options import add_output, add_targets
from ds_ops_magic.magics.subcommand import Subcommand

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.magics.invocation import Invocation


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "*")
    add_output(parser)


def _run(invocation: Invocation) -> Any:
    targets = invocation.targets()
    operations = invocation.ask(targets, invocation.client_for(targets).get_all)
    return invocation.assign(targets.result(operations))


GET = Subcommand(
    name="get",
    arguments="[TARGET...]",
    summary="show operations as they are now",
    description="Show operations as they are now; the last ones used when none is named.",
    add_arguments=_add_arguments,
    run=_run,
    complete=completion.targets,
)
