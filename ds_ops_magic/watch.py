"""A Watch: the following of one or many operations, and the one object that all layers share."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from ds_ops_magic.model import references
from ds_ops_magic.model.errors import WatchStopped
from ds_ops_magic.model.view import Update, View
from ds_ops_magic.watch_state import WatchState
from ds_ops_magic.watch_updates import Subscribers
from ds_ops_magic.watch_wait import WatchWait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from ds_ops_magic.history.history import EndpointHistory
    from ds_ops_magic.model.references import Reference
    from ds_ops_magic.polling.poller import Poller
    from ds_ops_magic.services.project_links import ProjectLinks

_log = logging.getLogger(__name__)


class Watch(WatchWait):
    """Follows operations in the background from the moment it is made.

    Use `OperationClient.watch` to make one. All methods may be called from any thread. It ends with `stop`, with the
    block of a ``with`` statement, and when nobody holds it any more.
    """

    def __init__(
        self,
        poller: Poller,
        ids: Sequence[str],
        owner: object = None,
        history: EndpointHistory | None = None,
        links: ProjectLinks | None = None,
    ) -> None:
        self.ids: tuple[str, ...] = tuple(ids)
        self.poller = poller  # for what else is read of its operations
        self._owner = owner  # kept alive: its end would end the poller
        self._history = history
        self._links = links
        self.durations = history.durations if history else {}
        self.stderr_lines = 20  # that are read of each job that failed, when a wait is over
        self._state = WatchState(self.ids)
        self._lock = threading.RLock()
        self._subscribers = Subscribers(self._lock)
        self._stopped = False
        try:
            poller.follow(self._state.entries, self)
        except BaseException:  # an interrupt may come when that was done, and its traceback hold this
            self.stop()
            raise

    def __repr__(self) -> str:
        with self._lock:
            total = len(self._state.entries)
            state = "stopped" if self._stopped else f"{self._state.ended:,} of {total:,} ended"
        return f"<Watch of {total:,}, {state}>"

    @property
    def all_seen(self) -> bool:
        """Whether each was answered about, or has ended."""
        with self._lock:
            return self._state.all_seen

    def view(self) -> View:
        """Return all that is known now."""
        with self._lock:
            return View(
                tuple(self._state.entries.values()),
                self.poller.health,
                self._stopped,
                self._state.throughput,
                self._state.watched_for,
                self.durations,
                self._links.known if self._links else {},
            )

    def subscribe(self, signal: Callable[[], None]) -> Callable[[], None]:
        """Have a function called whenever `view` is newer.

        Args:
            signal: Runs on the poller's thread: it must not block, print or display.

        Returns:
            A function that ends the subscription.
        """
        return self._subscribers.subscribe(signal)

    def cancel(
        self,
        *operations: Reference | Iterable[Reference],
        graceful: bool = False,
        force: bool = False,
        reason: str = "",
    ) -> None:
        """Ask for operations to be cancelled, all that have not ended when none is named.

        Returns at once; the answer arrives as an Update. The wait goes on until the operations end.

        Args:
            *operations: Ids, snapshots, or what else stands for one operation or several.
            graceful: As for `OperationClient.cancel`, and so `force` and `reason`.
            force: End the program of a job at once, also one that was asked to end by itself.
            reason: Why, for those who look at the job later.

        Raises:
            NotWatched: One of them is not watched here; it is a KeyError too. Then none is cancelled.
            NotAnOperation: One of them stands for none.
            ValueError: It is to be both, graceful and by force.
        """
        from ds_ops_magic.model.sources import CancelOptions

        options = CancelOptions(graceful, force, reason)
        ids = list(references.ids_of(*operations)) if operations else self.ids
        with self._lock:
            unfinished = self._state.note_cancel(dict.fromkeys(ids), force=force)
        self.poller.cancel_followed(unfinished, options)
        self._signal()

    def stop(self) -> None:
        """Stop watching; the operations go on. What waits on this watch ends with WatchStopped."""
        with self._lock:
            if self._stopped or self._state.all_ended:
                return
            self._stopped = True
            readers = list(self._subscribers.readers)
        with contextlib.suppress(WatchStopped):  # a closed client's poller follows nothing any more
            self.poller.unfollow(self._state.entries, self)
        for read in readers:
            read(None)
        self._signal()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Update]:
        """Iterate over the updates, what is known already first; ends when every operation has ended."""
        self.poller.refuse_to_block()
        yield from self._subscribers.updates(self._known, self._is_stopped)

    def __aiter__(self) -> AsyncIterator[Update]:
        """Iterate like `__iter__`, on the running event loop."""
        return self._subscribers.updates_async(self._known)

    def on_updates(self, updates: list[Update]) -> None:
        """Take over what the poller learned (`ds_ops_magic.polling.listeners.Listener`)."""
        if self._history is not None:  # first: who has waited for these finds them in the history
            try:
                updates = self._history.on_updates(updates)
            except Exception:
                _log.exception("the history of %r failed", self)
        if self._links is not None:
            for update in updates:
                self._links.note(update.after)
        with self._lock:
            news = [new for update in updates if (new := self._state.apply(update)) is not None]
            over = self._state.all_ended
            readers = list(self._subscribers.readers)
        for read in readers:
            for update in news:
                read(update)
            if over:
                read(None)
        self._signal()

    def _known(self) -> Iterator[Update | None]:
        for entry in self._state.entries.values():
            if entry.operation is not None or entry.error is not None:
                yield Update(entry.id, None, entry.operation, entry.error)
        if self._is_stopped() or self._state.all_ended:
            yield None
