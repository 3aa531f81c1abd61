"""Wait for a watch in a cell, with its operations shown and the page kept alive meanwhile."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ds_ops_magic.model.errors import WaitInterrupted
from ds_ops_magic.model.wait_errors import interrupted
from ds_ops_magic.model.waiting import ReturnWhen
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.display.text_display import Display
    from ds_ops_magic.watch import Watch


def wait_and_show(
    watch: Watch,
    shell: Any,
    mode: str,
    timeout: float | None = None,
    return_when: ReturnWhen = ReturnWhen.ALL,
    *,
    tick: Callable[[], object] | None = None,
) -> None:
    """Block the running cell until the operations of a watch have ended, and show them.

    While it blocks, the display is kept up to date, Cancel buttons work, and `tick` is called. However it ends, the
    watch is stopped, and what is left in the cell's output is static.

    Args:
        watch: What to wait for.
        shell: The IPython shell whose cell runs.
        mode: How to show it, as for `ds_ops_magic.display.frontend.display_for`; ``none`` shows nothing.
        timeout: Seconds for the whole wait; None waits for ever, 0 asks once.
        return_when: What ends the wait.
        tick: What else a subcommand does while it waits, such as printing what is new. Called about every 0.05 s on
            the thread of the cell; it must not block, and an error of it ends the wait.

    Raises:
        WaitInterrupted: Stop was pressed, at whatever moment.
        OperationsError: As for `Watch.wait`.
    """
    try:
        _show_and_wait(watch, shell, mode, timeout, return_when, tick)
    except WaitInterrupted:
        raise
    except KeyboardInterrupt:  # before the wait had begun, or while its result was drawn
        raise interrupted([entry.id for entry in watch.view().entries if not entry.ended]) from None
    finally:
        watch.stop()


def _show_and_wait(
    watch: Watch,
    shell: Any,
    mode: str,
    timeout: float | None,
    return_when: ReturnWhen,
    tick: Callable[[], object] | None,
) -> None:
    from ds_ops_magic.display.comm_pump import pumped
    from ds_ops_magic.display.frontend import display_for

    display = display_for(watch, shell, mode)
    with pumped(shell) as pump:

        def keep_alive() -> None:
            nonlocal display
            pump()
            try:
                display.tick()
            except Exception as error:
                display = _fall_back(watch, shell, error)
            if tick is not None:
                tick()

        try:
            watch.wait(timeout, return_when, tick=keep_alive)
        finally:
            watch.stop()
            try:
                _finish(display)
            except Exception as error:
                _finish(_fall_back(watch, shell, error))


def _fall_back(watch: Watch, shell: Any, error: Exception) -> Display:
    """Say that a panel cannot be shown, and show text instead: an error of the panel does not end the wait."""
    from ds_ops_magic.display.frontend import display_for

    message = one_line(f"{type(error).__name__}: {error}", 200)
    print(f"The panel cannot be shown, the wait goes on: {message}", file=sys.stderr, flush=True)
    return display_for(watch, shell, "text")


def _finish(display: Display) -> None:
    """Make the display static, even when Stop is pressed once more meanwhile: nothing would keep it alive."""
    try:
        display.finish()
    except KeyboardInterrupt:
        display.finish()
        raise
