"""What the poller tells those who follow operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.model.estimates import Durations
    from ds_ops_magic.model.operation import Operation


class Update(NamedTuple):
    """What became known about an operation: one of a newer snapshot, the end of its wait, a refused cancel."""

    id: str
    operation: Operation | None = None
    error: OperationsError | None = None
    cancel_error: OperationsError | None = None


class Listener(Protocol):
    """Who follows operations."""

    @property
    def durations(self) -> Mapping[str, Durations]:
        """How long operations take, by kind, as far as they know."""

    def on_updates(self, reports: list[Update]) -> None:
        """Take over what became known. Runs on the poller's thread: it must not block."""
