"""What the poller tells those who follow operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ops_magic.model.estimates import Durations
    from ds_ops_magic.model.view import Update


class Listener(Protocol):
    """Who follows operations."""

    @property
    def durations(self) -> Mapping[str, Durations]:
        """How long operations take, by kind, as far as they know."""

    def on_updates(self, updates: list[Update]) -> None:
        """Take over what became known. Runs on the poller's thread: it must not block."""
