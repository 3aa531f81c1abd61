"""A poller under test, and a listener that keeps the updates it gets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.model.estimates import Durations
from ds_ops_magic.model.view import Update
from ds_ops_magic.polling.poller import Poller
from ds_ops_magic.polling.schedule import Schedule
from tests.support.following import QUICK
from tests.support.scripted import ScriptedServer


class Recorder:
    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.durations: dict[str, Durations] = {}

    def on_updates(self, updates: list[Update]) -> None:
        self.updates.extend(updates)

    def seen(self, operation_id: str = "a") -> list[str]:
        """Return the updates of one operation: descriptions, and errors by their class."""
        updates = [update for update in self.updates if update.id == operation_id]
        return [
            update.after.description if update.after else type(update.error or update.cancel_error).__name__
            for update in updates
        ]

    def ended(self, *ids: str) -> bool:
        return {update.id for update in self.updates if update.error or (update.after and update.after.done)} >= set(
            ids
        )


@contextmanager
def poller_of(
    target: ScriptedServer | EndpointConnection,
    *,
    schedule: Schedule = QUICK,
    rate: float = 10_000.0,
    connect_timeout: float = 2.0,
    token_env: str | None = None,
) -> Iterator[Poller]:
    if isinstance(target, ScriptedServer):
        target = EndpointConnection(target.address, token_env=token_env)
    poller = Poller(target, schedule, rate, connect_timeout)
    poller.start()
    try:
        yield poller
    finally:
        poller.close()
