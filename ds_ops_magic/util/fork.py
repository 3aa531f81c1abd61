"""What is done before and after the process forks: registered with Python once, for the whole package.

A forked child has its parent's memory and none of its threads. A lock that one of them held stays locked for ever, so
what runs in the child takes none: it puts a new one in the place of each.

A child that inherits a live poller of grpc.aio crashes in its first call, or waits for ever, and its parent may stall.
So what uses grpc.aio closes its channels before the fork and opens them again afterwards, in the parent alone.

gRPC's own "Other threads are currently calling into gRPC, skipping fork() handlers" on stderr comes of channels and
servers of its blocking API, be they the user's or a LocalService's: it says that they are of no use in the child, which
is so, and does not concern a client. `GRPC_VERBOSITY=ERROR`, set before gRPC is imported, silences it.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import types
import weakref
from collections.abc import Callable

_Function = Callable[[], object]
_References = dict[Callable[[], _Function | None], None]  # a dict keeps the order of registration

_before: _References = {}
_after_in_parent: _References = {}
_after_in_child: _References = {}


def register(
    *,
    before: _Function | None = None,
    after_in_parent: _Function | None = None,
    after_in_child: _Function | None = None,
) -> None:
    """Have functions called at every fork from now on, as ``os.register_at_fork`` does; on the thread that forks.

    Before the fork those registered last are called first, afterwards those registered first. A method is called for
    as long as its object lives, which this does not prolong. A function that raises keeps no other from being called.
    """
    _add(_before, before)
    _add(_after_in_parent, after_in_parent)
    _add(_after_in_child, after_in_child)


def _add(references: _References, function: _Function | None) -> None:
    if function is None:
        return
    if not inspect.ismethod(function):
        references[lambda: function] = None
        return
    plain = function.__func__

    def method() -> _Function | None:
        owner = reference()
        return None if owner is None else types.MethodType(plain, owner)

    # Not `weakref.WeakMethod`: as the interpreter ends, its callbacks print errors.
    reference = weakref.ref(function.__self__, lambda _: references.pop(method, None))
    references[method] = None


def _call(references: _References, *, last_first: bool = False) -> None:
    functions = [function for reference in list(references) if (function := reference()) is not None]
    with contextlib.ExitStack() as stack:  # it calls all of them, the last first, and raises what one has raised
        for function in functions if last_first else reversed(functions):
            stack.callback(function)


os.register_at_fork(
    before=lambda: _call(_before, last_first=True),
    after_in_parent=lambda: _call(_after_in_parent),
    after_in_child=lambda: _call(_after_in_child),
)
