"""Those who follow operations: not kept alive by that, and told in one go what one turn of the loop brings."""

from __future__ import annotations

import collections
import logging
import weakref
from typing import TYPE_CHECKING

from ds_ops_magic.model.view import Update
from ds_ops_magic.polling.updates import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ds_ops_magic.model.errors import OperationsError

_log = logging.getLogger(__name__)

Reference = weakref.ref[Listener]


class Listeners:
    """Who follows what. All of it happens on the loop, except `add`.

    Args:
        soon: Runs a function in the next turn of the loop.
    """

    def __init__(self, soon: Callable[[Callable[[], None]], object]) -> None:
        self._soon = soon
        self._ids: dict[Reference, list[str]] = {}
        self._gone: collections.deque[Reference] = collections.deque()
        self._reports: dict[Reference, list[Update]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, listener: Listener, ids: Iterable[str]) -> Reference:
        """Note who follows these; may be called from any thread."""
        reference = reference_to(listener, self._gone.append)
        self._ids.setdefault(reference, []).extend(ids)
        return reference

    def drop(self, reference: Reference) -> None:
        """Tell a listener nothing more; one that is not there is no error."""
        self._ids.pop(reference, None)
        self._reports.pop(reference, None)

    def gone(self) -> Iterator[tuple[Reference, list[str]]]:
        """Name those of whom nothing is left, and what they followed.

        They are asked for and not dropped by a finalizer: that may run anywhere, amid a lock or an interrupt too.
        """
        while self._gone:
            reference = self._gone.popleft()
            yield reference, self._ids.get(reference, [])

    def tell(self, reference: Reference, report: Update) -> None:
        """Note a report; what one turn of the loop brings is handed over in one go."""
        if not self._reports:
            self._soon(self.hand_over)
        self._reports.setdefault(reference, []).append(report)

    def hand_over(self) -> None:
        """Tell what was noted; whatever is wrong with one listener, the others are told."""
        reports, self._reports = self._reports, {}
        for reference, batch in reports.items():
            listener = reference()
            if listener is None:
                continue
            try:
                listener.on_updates(batch)
            except BaseException:
                _log.exception("a listener failed: %r", listener)

    def end_all(self, error: OperationsError) -> None:
        """Tell all, at once, that the wait for whatever they follow has ended: there will be no next turn."""
        for reference, ids in list(self._ids.items()):
            self._reports.setdefault(reference, []).extend(Update(operation_id, error=error) for operation_id in ids)
        self.hand_over()


def reference_to(listener: Listener, gone: Callable[[Reference], None] | None = None) -> Reference:
    """Make a reference to a listener that is equal to any other one to it."""
    reference = weakref.ref(listener, gone)
    hash(reference)  # which it keeps from now on; of a listener that is no more there would be none
    return reference
