"""The listeners of operations: they are not kept alive, and get the updates of one turn of the loop together."""

from __future__ import annotations

import collections
import logging
import weakref
from typing import TYPE_CHECKING, Protocol

from ds_ops_magic.model.view import Update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.model.estimates import Durations

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who follows operations."""

    @property
    def durations(self) -> Mapping[str, Durations]:
        """How long operations take, by kind, as far as they know."""

    def on_updates(self, updates: list[Update]) -> None:
        """Take over what became known. Runs on the poller's thread: it must not block."""


Reference = weakref.ref[Listener]


class Listeners:
    """Who follows what. Every method but `add` runs on the loop; ``soon`` runs a function in its next turn."""

    def __init__(self, soon: Callable[[Callable[[], None]], object]) -> None:
        self._soon = soon
        self._ids: dict[Reference, list[str]] = {}
        self._gone: collections.deque[Reference] = collections.deque()
        self._updates: dict[Reference, list[Update]] = {}

    def add(self, listener: Listener, ids: Iterable[str]) -> Reference:
        """Note who follows these. May be called from any thread."""
        reference = reference_to(listener, self._gone.append)
        self._ids.setdefault(reference, []).extend(ids)
        return reference

    def drop(self, reference: Reference) -> None:
        self._ids.pop(reference, None)
        self._updates.pop(reference, None)

    def gone(self) -> Iterator[tuple[Reference, list[str]]]:
        """Return the listeners that nothing refers to any more, and what they followed.

        They are not dropped by a finalizer, which may run anywhere, amid a lock or an interrupt too.
        """
        while self._gone:
            reference = self._gone.popleft()
            yield reference, self._ids.get(reference, [])

    def notify(self, reference: Reference, update: Update) -> None:
        if not self._updates:
            self._soon(self.hand_over)
        self._updates.setdefault(reference, []).append(update)

    def hand_over(self) -> None:
        """Hand over the updates of this turn; where a listener fails, the others get theirs all the same."""
        updates, self._updates = self._updates, {}
        for reference, batch in updates.items():
            listener = reference()
            if listener is None:
                continue
            try:
                listener.on_updates(batch)
            except BaseException:
                _log.exception("a listener failed: %r", listener)

    def end_all(self, error: OperationsError) -> None:
        """Tell all, at once, that every wait has ended: there will be no next turn of the loop."""
        for reference, ids in list(self._ids.items()):
            self._updates.setdefault(reference, []).extend(Update(operation_id, error=error) for operation_id in ids)
        self.hand_over()


def reference_to(listener: Listener, gone: Callable[[Reference], None] | None = None) -> Reference:
    """Make a reference to a listener that is equal to any other one to it."""
    reference = weakref.ref(listener, gone)
    hash(reference)  # which it keeps: when the listener is gone it cannot be computed any more
    return reference
