"""``%op get`` shows operations as they are now, and ``%op watch`` live without blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.magics import completion, notify
from ds_ops_magic.magics.command_line import Subcommand, add_notify, add_output, add_targets

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.magics.invocation import Invocation
    from ds_ops_magic.watch import Watch

_FIRST_ANSWERS_TIMEOUT = 2.0
"""Seconds to wait for an answer about each operation where they are shown once and not live."""


def _add_arguments_of_get(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "*")
    add_output(parser)


def _get(invocation: Invocation) -> Any:
    targets = invocation.targets()
    operations = invocation.ask(targets, invocation.client_for(targets).get_all)
    return invocation.assign(targets.result(operations))


def _add_arguments_of_watch(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "+")
    add_notify(parser)
    add_output(parser)


def _watch(invocation: Invocation) -> Watch:
    from ds_ops_magic.display.frontend import show_in_background

    targets = invocation.targets()
    callbacks = invocation.callbacks(invocation.options.notify)
    watch = invocation.client_for(targets).watch(*targets.ids)
    watch.stderr_lines = invocation.settings.log_lines
    notify.call_when_over(watch, callbacks, lambda: targets.result(watch.operations))
    invocation.session.watches.add(watch)
    invocation.assign(watch)
    mode = invocation.display_mode
    if mode == "none" or show_in_background(watch, invocation.shell, mode):
        invocation.session.displayed.append(watch)
    else:
        watch.wait_until(lambda: watch.view().all_seen, _FIRST_ANSWERS_TIMEOUT)
    return watch


GET = Subcommand(
    name="get",
    arguments="[TARGET...]",
    summary="show operations as they are now",
    description="Show operations as they are now; the last ones used when none is named.",
    add_arguments=_add_arguments_of_get,
    run=_get,
    complete=completion.targets,
)

WATCH = Subcommand(
    name="watch",
    arguments="TARGET...",
    summary="show them live without blocking",
    description="Show operations live, without blocking; where no page can be updated, once.",
    add_arguments=_add_arguments_of_watch,
    run=_watch,
    complete=completion.targets,
)
