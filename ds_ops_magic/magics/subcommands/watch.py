"""``%op watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.magics import completion, notify
from ds_ops_magic.magics.options import add_notify, add_output, add_targets
from ds_ops_magic.magics.subcommand import Subcommand

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.magics.invocation import Invocation
    from ds_ops_magic.watch import Watch

_FIRST_ANSWERS_TIMEOUT = 2.0
"""Seconds to wait for an answer about each operation where they are shown once and not live."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "+")
    add_notify(parser)
    add_output(parser)


def _run(invocation: Invocation) -> Watch:
    from ds_ops_magic.display.frontend import show_in_background

    targets = invocation.targets()
    callbacks = notify.callbacks(invocation.options.notify, invocation.config.on_end, invocation.scope.evaluate)
    watch = invocation.client_for(targets).watch(*targets.ids)
    notify.call_when_over(watch, callbacks, lambda: targets.result(watch.operations))
    invocation.session.add_watch(watch)
    invocation.assign(watch)
    mode = invocation.display_mode
    if mode == "none" or show_in_background(watch, invocation.shell, mode):
        invocation.session.displayed.append(watch)
    else:
        watch.wait_until(lambda: watch.view().all_seen, _FIRST_ANSWERS_TIMEOUT)
    return watch


WATCH = Subcommand(
    name="watch",
    arguments="TARGET...",
    summary="show them live without blocking",
    description="Show operations live, without blocking; where no page can be updated, once.",
    add_arguments=_add_arguments,
    run=_run,
    complete=completion.targets,
)
