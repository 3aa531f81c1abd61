"""``%op`` and ``%%op`` as IPython knows them: their configuration, and what they keep from cell to cell.

Light, as is all that it imports: ``%load_ext`` waits for it. `ds_ops_magic.magics.dispatch` runs the lines.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Callable, Enum, Float, Int, TraitError, Unicode, validate

from ds_ops_magic.history.default import default_history, use_profile
from ds_ops_magic.magics.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ops_magic.history.history import History
    from ds_ops_magic.magics.notify import Callback
    from ds_ops_magic.watch import Watch


def _overview() -> str:
    from ds_ops_magic.magics.subcommands import OVERVIEW

    return OVERVIEW


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
    log_lines = Int(
        20, min=0, max=200, help="Last lines of stderr that a job's failure is shown with, and saved; 0 shows none."
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
    def _check_on_end(self, proposal: Any) -> Callback | None:
        from ds_ops_magic.magics import notify

        function: Callback | None = proposal["value"]
        if function is not None and notify.is_async(function):
            raise TraitError("OpMagics.on_end is a plain function: nobody would await a coroutine.")
        return function

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def op(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Follow long-running operations: see ``%op help``."""
        __tracebackhide__ = True  # IPython's: the error of a user's cell is about the cell
        from ds_ops_magic.magics import dispatch

        return dispatch.run(self, line, cell, local_ns, self._open_history())

    op.getdoc = _overview  # type: ignore[union-attr]  # what IPython calls for %op?

    def complete(self, _shell: Any, event: Any) -> list[str]:
        """Complete a word for IPython's ``complete_command`` hook."""
        from ds_ops_magic.magics import dispatch

        return dispatch.complete(self, event.line, event.symbol, self._open_history())

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
            history.auto_warn = False  # `dispatch.run` says it in a line of its own
        return history
