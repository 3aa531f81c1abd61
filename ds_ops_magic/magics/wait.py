"""Wait for a watch in a cell, with its panel shown and kept alive meanwhile."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.model.errors import OperationCancelled, OperationFailed, OperationsFailed, WaitInterrupted
from ds_ops_magic.util.text import one_line
from ds_ops_magic.util.threads import Signal

if TYPE_CHECKING:
    from ds_ops_magic.display.text_display import Display
    from ds_ops_magic.watch import Watch


def wait_and_show(watch: Watch, shell: Any, mode: str, timeout: float | None, when: str = "ALL") -> None:
    """Wait, with the operations shown; whatever ends the wait, the watch is stopped and its result is static.

    Args:
        watch: What to wait for.
        shell: The IPython shell whose cell runs.
        mode: How to show it, as for `ds_ops_magic.display.frontend.display_for`.
        timeout: Seconds for the whole wait; None waits for ever, 0 asks once.
        when: The name of a `ds_ops_magic.model.waiting.ReturnWhen`.

    Raises:
        WaitInterrupted: Stop was pressed, at whatever moment.
        OperationsError: As for `Watch.wait`.
    """
    try:
        _wait_and_show(watch, shell, mode, timeout, when)
    except WaitInterrupted:
        raise
    except KeyboardInterrupt:  # before the wait had begun, or while its result was drawn
        from ds_ops_magic.model import errors  # which imports protobuf

        raise errors.interrupted([entry.id for entry in watch.view().entries if not entry.ended]) from None
    finally:
        watch.stop()


def wait_for_the_cancelled(watch: Watch, shell: Any, mode: str, timeout: float | None) -> None:
    """Wait for the end, which should be cancelled.

    Raises:
        OperationsError: An operation failed, or went through.
        WaitInterrupted: Stop was pressed.
    """
    from ds_ops_magic.model import errors
    from ds_ops_magic.model.outcome import Status

    # Cancelled is a failure to who waits for a result; here it is what was asked for.
    with contextlib.suppress(OperationFailed, OperationsFailed):
        wait_and_show(watch, shell, mode, timeout)
    for entry in watch.view().entries:
        if entry.operation is not None and entry.operation.status is Status.SUCCEEDED:
            raise errors.not_cancelled(entry.operation)
        failure = entry.failure
        if failure is not None and not isinstance(failure, OperationCancelled):
            raise failure


def wait_for_answers(watch: Watch, timeout: float = 2.0) -> None:
    """Wait until each was answered about: what is shown once should say how things stand.

    Args:
        watch: What is to be shown.
        timeout: Seconds for it at most.
    """
    news = Signal()
    unsubscribe = watch.subscribe(news.set)
    deadline = time.monotonic() + timeout
    try:
        while not watch.view().all_seen and (left := deadline - time.monotonic()) > 0:
            news.wait(left)
    finally:
        unsubscribe()


def _wait_and_show(watch: Watch, shell: Any, mode: str, timeout: float | None, when: str) -> None:
    from ds_ops_magic.display.comm_pump import pumped
    from ds_ops_magic.display.frontend import display_for
    from ds_ops_magic.model.waiting import ReturnWhen

    shown = display_for(watch, shell, mode)
    with pumped(shell) as pump:

        def tick() -> None:
            nonlocal shown
            pump()
            try:
                shown.tick()
            except Exception as error:
                shown = _plainer(watch, shell, error)

        try:
            watch.wait(timeout, ReturnWhen[when], tick=tick)
        finally:
            watch.stop()
            try:
                _finish(shown)
            except Exception as error:
                _finish(_plainer(watch, shell, error))


def _plainer(watch: Watch, shell: Any, error: Exception) -> Display:
    """Say that a panel cannot be shown, and give what stands in for it: it costs the panel, never the wait."""
    from ds_ops_magic.display.frontend import display_for

    said = one_line(f"{type(error).__name__}: {error}", 200)
    print(f"The panel cannot be shown, the wait goes on: {said}", file=sys.stderr, flush=True)
    return display_for(watch, shell, "text")


def _finish(shown: Display) -> None:
    """Make the display static, even when Stop is pressed once more meanwhile: nothing would keep it alive."""
    try:
        shown.finish()
    except KeyboardInterrupt:
        shown.finish()
        raise
