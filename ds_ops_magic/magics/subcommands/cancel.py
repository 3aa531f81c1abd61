"""``%op cancel``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ds_ops_magic.magics import completion
from ds_ops_magic.magics.command_line import Subcommand, add_output, add_targets, add_timeout
from ds_ops_magic.magics.wait import wait_and_show
from ds_ops_magic.model.errors import OperationCancelled, OperationFailed, OperationsFailed, not_cancelled

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.magics.invocation import Invocation
    from ds_ops_magic.watch import Watch


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "+")
    parser.add_argument("--wait", action="store_true", help="follow it to its end, which should be: cancelled")
    add_timeout(parser)
    add_output(parser)


def _run(invocation: Invocation) -> Any:
    from ds_ops_magic.display import render

    options = invocation.options
    if options.timeout is not None and not options.wait:
        raise UsageError("%op cancel: --timeout is about waiting for the end: give --wait too.")
    targets = invocation.targets()
    client = invocation.client_for(targets)
    operations = invocation.ask(targets, client.cancel_all)
    for operation in operations:
        if operation.done and not invocation.hidden:
            print(render.finished(operation))
    if not options.wait:
        return invocation.assign(targets.result(operations))
    watch = client.watch(*targets.ids)
    watch.stderr_lines = invocation.settings.log_lines
    callbacks = invocation.callbacks()
    return invocation.wait_for_result(targets, watch, lambda: _wait_for_cancelled(invocation, watch), callbacks)


def _wait_for_cancelled(invocation: Invocation, watch: Watch) -> None:
    from ds_ops_magic.model.outcome import Status

    # Whoever waits for a result takes cancelled for a failure; here it is what was asked for.
    with contextlib.suppress(OperationFailed, OperationsFailed):
        wait_and_show(watch, invocation.shell, invocation.display_mode, invocation.options.timeout)
    for entry in watch.view().entries:
        if entry.operation is not None and entry.operation.status is Status.SUCCEEDED:
            raise not_cancelled(entry.operation)
        failure = entry.failure
        if failure is not None and not isinstance(failure, OperationCancelled):
            raise failure


CANCEL = Subcommand(
    name="cancel",
    arguments="TARGET...",
    summary="ask for them to be cancelled",
    description="Ask for operations to be cancelled.",
    add_arguments=_add_arguments,
    run=_run,
    complete=completion.targets,
)
