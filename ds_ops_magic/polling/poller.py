"""The background poller of a client: its public methods, and the thread, the loop and the channel behind them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import OperationsError, WatchStopped
from ds_ops_magic.polling.listeners import Listeners, reference_to
from ds_ops_magic.polling.loop import BackgroundLoop
from ds_ops_magic.polling.requests import Requests
from ds_ops_magic.polling.service import OperationService
from ds_ops_magic.polling.tracker import Tracker
from ds_ops_magic.util import fork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.view import Health
    from ds_ops_magic.polling.schedule import Schedule
    from ds_ops_magic.polling.service import Answer
    from ds_ops_magic.polling.updates import Listener
    from ds_ops_magic.util.pending import Pending

IN_FLIGHT = 128  # calls under way at once, at most: more take memory, and bring nothing
_SINGLE_POLL_TIMEOUT = 5.0  # seconds for the answer to one poll, where a wait has no time for a second one
_FORK_TIMEOUT = 1.0  # seconds that a fork waits for the channel to close


class Poller:
    """Polls every tracked operation as often as the schedule says, and tells the listeners what changed.

    Public methods may be called from any thread, and return at once. Listeners are not kept alive: one that nobody
    holds any more is told nothing, and what it alone followed is not polled any more.

    Args:
        connection: Where to ask, and as whom.
        schedule: When to ask again.
        rate: The most calls per second, over all operations.
        connect_timeout: Seconds of silence, before the service has ever answered, that end every wait.
        in_flight: The most calls under way at once.
        owner: Gives whose poller this is; when it gives None, the poller closes itself.
    """

    def __init__(
        self,
        connection: Connection,
        schedule: Schedule,
        rate: float,
        connect_timeout: float,
        in_flight: int = IN_FLIGHT,
        owner: Callable[[], object] = lambda: True,
    ) -> None:
        self._connection = connection
        self._schedule = schedule
        self._rate = rate
        self._connect_timeout = connect_timeout
        self._in_flight = in_flight
        self._listeners = Listeners(lambda work: self._background.loop.call_soon(work))
        self._background = BackgroundLoop("ds_ops_magic poller", self._open, self._shut, self._died, owner)
        self.left_in_parent = False
        fork.register(
            before=self.before_fork,
            after_in_parent=self.after_fork_in_parent,
            after_in_child=self.after_fork_in_child,
        )

    def start(self) -> None:
        """Start asking; nothing happens where that was done before. May be called again after an interrupt.

        Raises:
            OperationsError: The system allows no more threads.
        """
        self._background.start()

    @property
    def has_died(self) -> bool:
        """Whether the thread has ended, or never came up, though nobody closed it: nothing is asked any more."""
        return self._background.has_died

    def is_current(self) -> bool:
        """Tell whether this runs on the poller's own thread."""
        return self._background.is_current()

    def refuse_to_block(self) -> None:
        """Refuse to wait on the poller's own thread (`ds_ops_magic.polling.loop.BackgroundLoop`)."""
        self._background.refuse_to_block()

    @property
    def health(self) -> Health:
        """What the service has been saying lately."""
        return self._service.health.current

    def follow(self, ids: Iterable[str], listener: Listener) -> None:
        """Poll these until each is done; an id that is tracked already is not polled twice."""
        ids = list(ids)
        self._background.soon(self._tracker.follow, ids, self._listeners.add(listener, ids))

    def unfollow(self, ids: Iterable[str], listener: Listener) -> None:
        """Stop telling a listener about these, and polling those that nobody else follows."""
        self._background.soon(self._tracker.unfollow, list(ids), reference_to(listener))

    def cancel_followed(self, ids: Iterable[str]) -> None:
        """Ask for these to be cancelled; what comes of it is reported to their listeners."""
        for operation_id in ids:
            self._background.soon(self._background.spawn, self._tracker.cancel, operation_id)

    def time_to_ask(self, number: int) -> float:
        """Return the seconds in which so many tracked operations are polled once, at the client's rate."""
        return _SINGLE_POLL_TIMEOUT + max(number, len(self._tracker.operations)) / self._rate

    def get(self, operation_id: str) -> Pending[Operation]:
        """Ask for one operation now."""
        return self._background.run(lambda: _operation(self._requests.get(operation_id)))

    def cancel(self, operation_id: str) -> Pending[Operation]:
        """Ask for one operation to be cancelled now; one that has already ended is returned as it is."""
        return self._background.run(lambda: _operation(self._requests.cancel(operation_id)))

    def close(self, *, at_exit: bool = False) -> None:
        """Stop asking, end every wait with WatchStopped, close the channel and end the thread.

        Args:
            at_exit: The process is ending: nobody is told (`ds_ops_magic.polling.loop.BackgroundLoop.close`).
        """
        self._background.close(at_exit=at_exit)

    def before_fork(self) -> None:
        """Close the channel (`ds_ops_magic.util.fork`); a call that is under way is made again afterwards."""
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped, TimeoutError):
                # In its turn, before any resume: the task may begin when a fork that could not wait is long over.
                self._background.soon(self._service.channel.pause)
                self._background.run(self._service.channel.let_go).result(_FORK_TIMEOUT)

    def after_fork_in_parent(self) -> None:
        """Open the channel again."""
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped):
                self._background.soon(self._service.channel.resume)

    def after_fork_in_child(self) -> None:
        """Be closed, and say so: the thread has stayed in the parent."""
        self.left_in_parent = True
        self._background.abandon()

    # Everything below runs on the loop's thread.

    def _open(self) -> None:
        self._service = OperationService(self._connection, self._rate, self._connect_timeout)
        self._requests = Requests(self._service)
        self._tracker = Tracker(
            self._background, self._service, self._requests, self._listeners, self._schedule, self._in_flight
        )
        self._background.spawn(self._tracker.run)

    async def _shut(self) -> None:
        if not self._background.at_exit:
            self._tracker.give_up(errors.closed())
            self._listeners.hand_over()
        await self._service.channel.close()

    def _died(self, why: OperationsError) -> None:
        """End every wait: the loop is gone, and this the last that its thread does."""
        self._tracker.operations.clear()
        self._listeners.end_all(why)


async def _operation(asking: Awaitable[Answer]) -> Operation:
    return (await asking).operation
