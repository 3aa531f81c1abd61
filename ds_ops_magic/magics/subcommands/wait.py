"""``%op wait`` and ``%%op wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ds_ops_magic.magics import cell, completion, recent
from ds_ops_magic.magics.command_line import Subcommand, add_notify, add_output, add_targets, add_timeout, count
from ds_ops_magic.magics.targets import resolve_value
from ds_ops_magic.magics.wait import wait_and_show
from ds_ops_magic.model.waiting import ReturnWhen

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.magics.invocation import Invocation
    from ds_ops_magic.magics.targets import Targets


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "*")
    add_timeout(parser)
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--any", action="store_true", help="stop at the first that is done")
    until.add_argument("--fail-fast", action="store_true", help="raise at the first failure; the others go on")
    parser.add_argument("--last", type=count, metavar="N", help="wait for the N used last, by earlier kernels too")
    parser.add_argument("--no-raise", action="store_true", help="return the last snapshots instead of raising")
    parser.add_argument("--quiet", action="store_true", help="show nothing")
    add_notify(parser)
    add_output(parser)


def _run(invocation: Invocation) -> Any:
    __tracebackhide__ = True  # IPython's: the error of a user's cell is about the cell
    options = invocation.options
    callbacks = invocation.callbacks(options.notify)
    targets = _targets(invocation)
    watch = invocation.client_for(targets).watch(*targets.ids)
    watch.stderr_lines = invocation.settings.log_lines
    mode = "none" if options.quiet else invocation.display_mode
    timeout = invocation.settings.timeout if options.timeout is None else options.timeout
    tell = invocation.teller_of_jobs(targets, watch)

    def wait() -> None:
        try:
            wait_and_show(watch, invocation.shell, mode, timeout, _return_when(options), tick=tell)
        finally:
            tell()

    return invocation.wait_for_result(
        targets,
        watch,
        wait,
        callbacks,
        no_raise=options.no_raise,
    )


def _return_when(options: argparse.Namespace) -> ReturnWhen:
    if options.any:
        return ReturnWhen.FIRST
    return ReturnWhen.FIRST_FAILURE if options.fail_fast else ReturnWhen.ALL


def _targets(invocation: Invocation) -> Targets:
    __tracebackhide__ = True
    options = invocation.options
    if invocation.cell is not None:
        if options.targets or options.last is not None:
            raise UsageError("%%op wait waits for what the cell gives: name no target, or use %op wait.")
        invocation.client()  # before the cell runs: what it starts should not be left without a service to ask
        value = cell.run(invocation.shell, invocation.cell)
        return invocation.resolve(lambda ids_read: resolve_value(value, "what the cell gives", ids_read))
    if options.last is None:
        return invocation.targets()
    if options.targets:
        raise UsageError("%op wait: name targets, or --last N, not both.")
    last_used = recent.last_used(invocation.history, options.last, invocation.client().connection)
    return invocation.session.use(last_used)


WAIT = Subcommand(
    name="wait",
    arguments="[TARGET...]",
    summary="wait until they are done, with a live panel",
    cell_summary="run the cell, then wait for what it gives",
    description="Wait until operations are done; the last ones used when none is named.",
    add_arguments=_add_arguments,
    run=_run,
    complete=completion.targets,
)
