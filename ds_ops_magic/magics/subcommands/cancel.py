"""``%op cancel``."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ds_ops_magic.magics import completion
from ds_ops_magic.magics.command_line import Subcommand, add_output, add_targets, add_timeout, unquoted
from ds_ops_magic.magics.wait import wait_and_show
from ds_ops_magic.model.errors import OperationCancelled, OperationFailed, OperationsFailed, ProgramFailed
from ds_ops_magic.model.outcome_errors import not_cancelled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

    from ds_ops_magic.magics.invocation import Invocation
    from ds_ops_magic.watch import Watch


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "+")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--graceful", action="store_true", help="let the program of a job end by itself")
    how.add_argument("--force", action="store_true", help="end the program of a job at once")
    parser.add_argument("--reason", default="", metavar="TEXT", type=unquoted, help="why, kept with a job")
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
    cancel = functools.partial(client.cancel_all, graceful=options.graceful, force=options.force, reason=options.reason)
    operations = invocation.ask(targets, cancel)
    for operation in operations:
        if operation.done and not invocation.hidden:
            print(render.finished(operation))
    if not options.wait:
        return invocation.assign(targets.result(operations))
    watch = client.watch(*targets.ids)
    watch.stderr_lines = invocation.settings.log_lines
    callbacks = invocation.callbacks()
    before = {operation.id for operation in operations if operation.done}
    return invocation.wait_for_result(targets, watch, lambda: _wait_for_cancelled(invocation, watch, before), callbacks)


def _wait_for_cancelled(invocation: Invocation, watch: Watch, ended_before: Collection[str]) -> None:
    from ds_ops_magic.services.job_facts import has_stopped

    # Whoever waits for a result takes cancelled for a failure; here it is what was asked for.
    with contextlib.suppress(OperationFailed, OperationsFailed):
        wait_and_show(watch, invocation.shell, invocation.display_mode, invocation.options.timeout)
    for entry in watch.view().entries:
        failure, operation = entry.failure, entry.operation
        if operation is not None and entry.ended and (failure is None or isinstance(failure, ProgramFailed)):
            if operation.id not in ended_before and has_stopped(operation, graceful=invocation.options.graceful):
                continue
            raise not_cancelled(operation)
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
