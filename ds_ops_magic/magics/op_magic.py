"""``%op`` and ``%%op``: find the subcommand of a line, parse what follows it, and run it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Callable, Enum, Float, TraitError, Unicode, validate

from ds_ops_magic.history.default import default_history, use_profile
from ds_ops_magic.magics import command_line, completion, notify, recent
from ds_ops_magic.magics.invocation import Invocation
from ds_ops_magic.magics.session import Session
from ds_ops_magic.magics.subcommands import OVERVIEW, SUBCOMMANDS
from ds_ops_magic.magics.targets import scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ops_magic.history.history import History
    from ds_ops_magic.watch import Watch


@magics_class
class OpMagics(Magics):
    """Follow long-running operations: see ``%op help``."""

    endpoint = Unicode(
        "", help="What the first %op connects to: local, or an address; Yandex Cloud when it is empty."
    ).tag(config=True)
    timeout = Float(None, allow_none=True, help="Seconds after which %op wait stops waiting; None: it never does.").tag(
        config=True
    )
    rate = Float(200.0, help="Calls per second at most; takes effect at the next %op connect.").tag(config=True)
    display = Enum(["auto", "widget", "html", "text", "none"], "auto", help="How waits are shown.").tag(config=True)
    history = Unicode(
        "",
        help="File of what was followed: beside the profile when it is empty; none keeps none. "
        "Takes effect at the next %op connect.",
    ).tag(config=True)
    on_end = Callable(None, allow_none=True, help="Function to call once with the outcome of each wait.").tag(
        config=True
    )

    shell: Any  # always there: these magics are made by `load` alone

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.session = Session(self._open_history)
        use_profile(shell.profile_dir.location)
        if (history := self._open_history()) is not None:
            history.request_read()

    @validate("rate", "timeout")
    def _check_number(self, proposal: Any) -> float | None:
        name, value = proposal["trait"].name, proposal["value"]
        if value is None or (math.isfinite(value) and (value > 0 or (value == 0 and name == "timeout"))):
            return value  # type: ignore[no-any-return]
        raise TraitError(f"OpMagics.{name} is a number of {'seconds' if name == 'timeout' else 'calls'}, not {value}")

    @validate("on_end")
    def _check_on_end(self, proposal: Any) -> notify.Callback | None:
        function: notify.Callback | None = proposal["value"]
        if function is not None and notify.is_async(function):
            raise TraitError("OpMagics.on_end is a plain function: nobody would await a coroutine.")
        return function

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def op(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Follow long-running operations."""
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
        history = self._open_history()
        scope = scope_of(self.shell, local_ns)
        try:
            result = subcommand.run(Invocation(options, scope, self.shell, self, self.session, history, cell, hidden))
        finally:
            recent.print_warning(history)
        if hidden:
            self.session.displayed.append(result)
        return result

    op.__doc__ = OVERVIEW

    def complete(self, _shell: Any, event: Any) -> list[str]:
        """Complete a word for IPython's ``complete_command`` hook."""
        ids = [*self.session.used_ids, *recent.recent_ids(self._open_history())]
        return completion.complete(SUBCOMMANDS, event.line, event.symbol, self.shell.user_ns, ids)

    def was_displayed(self, value: Any) -> bool:
        return any(value is displayed for displayed in self.session.displayed)

    def forget_displayed(self, *_: Any) -> None:
        self.session.displayed.clear()

    def show_live(self, watch: Watch) -> bool:
        """Display a watch as a live panel; False where there is no page that can be updated."""
        from ds_ops_magic.display.frontend import show_in_background

        return show_in_background(watch, self.shell, self.display)

    def close(self) -> None:
        """Stop every watch, leave its panel as a static result, and close all that was connected."""
        self.session.close()
        if (history := self._open_history()) is not None:
            history.close()

    def _open_history(self) -> History | None:
        history = default_history(self.history)
        if history is not None:
            history.auto_warn = False  # `recent.print_warning` says it in a line of its own
        return history
