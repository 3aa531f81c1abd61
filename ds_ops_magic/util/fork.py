"""Lets go of gRPC while the process forks.

A child that inherits a live poller of grpc.aio crashes in its first call, or waits for ever, and its parent may stall.
So what uses grpc.aio closes its channels before the fork and opens them again afterwards, in the parent alone.

gRPC's own "Other threads are currently calling into gRPC, skipping fork() handlers" on stderr comes of channels and
servers of its blocking API, be they the user's or a LocalService's: it says that they are of no use in the child, which
is so, and does not concern a client. `GRPC_VERBOSITY=ERROR`, set before gRPC is imported, silences it.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What has to be told of a fork; everything runs on the thread that forks."""

    def before_fork(self) -> None:
        """Let go of gRPC, soon: the fork waits for this to return."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Note that the threads have stayed in the parent. No lock may be taken: its holder may be one of them."""


_told: weakref.WeakSet[Forkable] = weakref.WeakSet()


def register(whom: Forkable) -> None:
    """Tell somebody of every fork from now on, for as long as it lives."""
    _told.add(whom)


def _before() -> None:
    for whom in list(_told):
        whom.before_fork()


def _after_in_parent() -> None:
    for whom in list(_told):
        whom.after_fork_in_parent()


def _after_in_child() -> None:
    for whom in list(_told):
        whom.after_fork_in_child()
    _told.clear()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
