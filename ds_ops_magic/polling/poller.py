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
from ds_ops_magic.polling.streams import read_to_end
from ds_ops_magic.polling.tracker import Tracker
from ds_ops_magic.util import fork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.view import Health
    from ds_ops_magic.polling.listeners import Listener
    from ds_ops_magic.polling.schedule import Schedule
    from ds_ops_magic.polling.service import Answer
    from ds_ops_magic.polling.streams import Stream
    from ds_ops_magic.util.pending import Pending

IN_FLIGHT = 128  # calls under way at once, at most: more take memory, and bring nothing
_SINGLE_POLL_TIMEOUT = 5.0  # seconds for the answer to one poll, where a wait has no time for a second one
_FORK_TIMEOUT = 1.0  # seconds that a fork waits for the channel to close


class Poller:
    """Polls every tracked operation as often as the schedule says, and tells the listeners what changed.

    Public methods may be called from any thread, and return at once. Listeners are not kept alive: what a listener that
    is gone followed alone is not polled any more; when ``owner`` returns None, the poller closes itself.
    ``connect_timeout`` seconds of silence, before the service has ever answered, end every wait.
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
        self._background.start()

    @property
    def has_died(self) -> bool:
        return self._background.has_died

    def is_current(self) -> bool:
        return self._background.is_current()

    def refuse_to_block(self) -> None:
        self._background.refuse_to_block()

    @property
    def health(self) -> Health:
        return self._service.health.current

    def follow(self, ids: Iterable[str], listener: Listener) -> None:
        """Poll these until each is done; an id that is tracked already is not polled twice."""
        ids = list(ids)
        self._background.soon(self._tracker.follow, ids, self._listeners.add(listener, ids))

    def unfollow(self, ids: Iterable[str], listener: Listener) -> None:
        """Stop telling a listener about these, and polling those that nobody else follows."""
        self._background.soon(self._tracker.unfollow, list(ids), reference_to(listener))

    def cancel_followed(self, ids: Iterable[str]) -> None:
        """Ask for these to be cancelled; the listeners get the answer or the error."""
        for operation_id in ids:
            self._background.soon(self._background.spawn, self._tracker.cancel, operation_id)

    def time_to_ask(self, number: int) -> float:
        """Return the seconds in which so many tracked operations are polled once, at the client's rate."""
        return _SINGLE_POLL_TIMEOUT + max(number, len(self._tracker.operations)) / self._rate

    def get(self, operation_id: str) -> Pending[Operation]:
        return self._background.run(lambda: _operation(self._requests.get(operation_id)))

    def cancel(self, operation_id: str) -> Pending[Operation]:
        return self._background.run(lambda: _operation(self._requests.cancel(operation_id)))

    def read(self, stream: Stream) -> Pending[None]:
        """Read a stream to its end; to cancel the result ends the reading."""
        return self._background.run(lambda: read_to_end(self._service, stream))

    def close(self, *, at_exit: bool = False) -> None:
        """Stop asking, end every wait with WatchStopped, which is left out at exit, and end the thread."""
        self._background.close(at_exit=at_exit)

    def before_fork(self) -> None:
        """Close the channel; a call that is under way is made again afterwards."""
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped, TimeoutError):
                # In its turn, before any resume: the task may begin when a fork that could not wait is long over.
                self._background.soon(self._service.channel.pause)
                self._background.run(self._service.channel.close_while_paused).result(_FORK_TIMEOUT)

    def after_fork_in_parent(self) -> None:
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped):
                self._background.soon(self._service.channel.resume)

    def after_fork_in_child(self) -> None:
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
        self._tracker.operations.clear()
        self._listeners.end_all(why)


async def _operation(asking: Awaitable[Answer]) -> Operation:
    return (await asking).operation
