"""Call the user's own functions with the outcome of a wait: ``--notify`` and ``on_end``."""

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

Callback = Callable[[Any], object]


def callbacks(named: str | None, on_end: Callback | None, evaluate: Callable[[str], Any]) -> list[Callback]:
    """Return the functions to call at the end of a wait: `on_end` of the configuration, and what ``--notify`` names."""
    found = [on_end] if on_end is not None else []
    if named is None:
        return found
    shown = one_line(named, 80)
    try:
        function = evaluate(named[1:-1] if named.startswith("{") else named)
    except Exception as error:
        message = one_line(f"{type(error).__name__}: {error}", 200)
        raise UsageError(f"%op: --notify {shown} cannot be evaluated: {message}") from None
    if not callable(function):
        raise UsageError(f"%op: --notify {shown} cannot be called. Give a function that takes the outcome.")
    if is_async(function):
        raise UsageError(f"%op: --notify {shown} is a coroutine function, which nobody would await. Give a plain one.")
    return found if function in found else [*found, function]


def is_async(function: Callback) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def call(functions: list[Callback], outcome: Any) -> None:
    """Call each function once with the outcome. An error of one is printed; the others are called all the same."""
    for function in functions:
        try:
            function(outcome)
        except Exception as error:
            name = getattr(function, "__name__", repr(function))
            message = one_line(f"{type(error).__name__}: {error}", 300)
            print(f"%op: {one_line(name, 80)} failed to take the outcome: {message}", file=sys.stderr)


def call_when_over(watch: Watch, functions: list[Callback], outcome: Callable[[], Any]) -> None:
    """Call each function once, on a thread, when every operation of a watch has ended; not if the watch is stopped."""

    def run() -> None:
        if watch.wait_until(lambda: watch.done):
            call(functions, outcome())

    if not functions:
        return
    try:
        threads.start(threading.Thread(target=run, name="ds_ops_magic notify", daemon=True))
    except threads.ThreadLimitReached as error:
        print(f"%op: nobody will be told how this ends: {thread_limit(error).args[0]}", file=sys.stderr)
