"""Tell the user's own functions how a wait ended: ``--notify`` and ``on_end``."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ds_ops_magic.model.errors import thread_limit
from ds_ops_magic.util import threads
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from ds_ops_magic.watch import Watch

Notified = Callable[[Any], object]


def functions(named: str | None, on_end: Notified | None, evaluate: Callable[[str], Any]) -> list[Notified]:
    """Return whom to tell.

    Args:
        named: What ``--notify`` was given: a name, or ``{an expression}``.
        on_end: The function of the configuration.
        evaluate: Evaluates an expression among the user's variables.

    Raises:
        UsageError: What was named is not there, cannot be called, or is a coroutine function.
    """
    found = [on_end] if on_end is not None else []
    if named is None:
        return found
    shown = one_line(named, 80)
    try:
        function = evaluate(named[1:-1] if named.startswith("{") else named)
    except Exception as error:
        said = one_line(f"{type(error).__name__}: {error}", 200)
        raise UsageError(f"%op: --notify {shown} cannot be evaluated: {said}") from None
    if not callable(function):
        raise UsageError(f"%op: --notify {shown} cannot be called. Give a function that takes the outcome.")
    if is_async(function):
        raise UsageError(f"%op: --notify {shown} is a coroutine function, which nobody would await. Give a plain one.")
    return found if function in found else [*found, function]


def is_async(function: Notified) -> bool:
    """Tell whether a call would only make a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def tell(told: list[Notified], outcome: Any) -> None:
    """Call each function once with the outcome; what one raises is shown, and breaks nothing."""
    for function in told:
        try:
            function(outcome)
        except Exception as error:
            name = getattr(function, "__name__", repr(function))
            said = one_line(f"{type(error).__name__}: {error}", 300)
            print(f"%op: {one_line(name, 80)} failed to take the outcome: {said}", file=sys.stderr)


def tell_when_over(watch: Watch, told: list[Notified], outcome: Callable[[], Any]) -> None:
    """Call each function once a watch that nobody waits on is over; a watch that is stopped has no outcome.

    Where no thread can be started to wait for that, it says so.
    """

    def run() -> None:
        for _change in watch:
            pass
        if watch.done:
            tell(told, outcome())

    if not told:
        return
    try:
        threads.start(threading.Thread(target=run, name="ds_ops_magic notify", daemon=True))
    except threads.ThreadLimitReached as error:
        print(f"%op: nobody will be told how this ends: {thread_limit(error).args[0]}", file=sys.stderr)
