"""The background poller of a client: its public methods, and the thread, the loop and the channel behind them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ds_ops_magic.model import wait_errors
from ds_ops_magic.model.errors import OperationsError, WatchStopped
from ds_ops_magic.model.sources import AS_USUAL, Services
from ds_ops_magic.polling.host import Host
from ds_ops_magic.polling.hosts import Hosts
from ds_ops_magic.polling.listeners import Listeners, reference_to
from ds_ops_magic.polling.loop import BackgroundLoop
from ds_ops_magic.polling.streams import read_to_end
from ds_ops_magic.polling.tracker import Tracker
from ds_ops_magic.util import fork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.sources import Call, CancelOptions
    from ds_ops_magic.model.view import Health
    from ds_ops_magic.polling.host import Answer
    from ds_ops_magic.polling.listeners import Listener
    from ds_ops_magic.polling.schedule import Schedule
    from ds_ops_magic.polling.streams import Stream
    from ds_ops_magic.polling.tracked import TrackedOperation
    from ds_ops_magic.util.pending import Pending

IN_FLIGHT = 128  # calls under way at once, at most: more take memory, and bring nothing
_SINGLE_POLL_TIMEOUT = 5.0  # seconds for the answer to one poll, where a wait has no time for a second one
_FORK_TIMEOUT = 1.0  # seconds that a fork waits for the channel to close


class Poller:
    """Polls every tracked operation as often as the schedule says, and tells the listeners what changed.

    Public methods may be called from any thread, and return at once. Listeners are not kept alive: what a listener that
    is gone followed alone is not polled any more; when ``owner`` returns None, the poller closes itself.
    ``connect_timeout`` seconds of silence, before the service has ever answered, end every wait. ``services`` says at
    which service an operation is asked about; each host has ``rate`` calls a second.
    """

    def __init__(
        self,
        connection: Connection,
        schedule: Schedule,
        rate: float,
        connect_timeout: float,
        in_flight: int = IN_FLIGHT,
        owner: Callable[[], object] = lambda: True,
        services: Services | None = None,
    ) -> None:
        self._connection = connection
        self._schedule = schedule
        self._rate = rate
        self._connect_timeout = connect_timeout
        self._in_flight = in_flight
        self._services = services or Services()
        self._looked_up: set[str] = set()
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
        return self._hosts.health

    def follow(self, ids: Iterable[str], listener: Listener) -> None:
        """Poll these until each is done; an id that is tracked already is not polled twice."""
        ids = list(ids)
        self._look_up(ids)
        self._background.soon(self._hosts.follow, ids, self._listeners.add(listener, ids))

    def unfollow(self, ids: Iterable[str], listener: Listener) -> None:
        """Stop telling a listener about these, and polling those that nobody else follows."""
        self._background.soon(self._hosts.unfollow, list(ids), reference_to(listener))

    def cancel_followed(self, ids: Iterable[str], options: CancelOptions = AS_USUAL) -> None:
        """Ask for these to be cancelled; the listeners get the answer or the error."""
        for operation_id in ids:
            self._background.soon(self._background.spawn, self._hosts.cancel_followed, operation_id, options)

    def time_to_ask(self, number: int) -> float:
        """Return the seconds in which so many tracked operations are polled once, at the client's rate."""
        return _SINGLE_POLL_TIMEOUT + max(number, self._hosts.number_tracked) / self._rate

    def get(self, key: str) -> Pending[Operation]:
        self._look_up([key])
        return self._background.run(lambda: _operation(self._hosts.get(key)))

    def cancel(self, key: str, options: CancelOptions = AS_USUAL) -> Pending[Operation]:
        self._look_up([key])
        return self._background.run(lambda: _operation(self._hosts.cancel(key, options)))

    def call(self, call: Call, about: str, doing: str) -> Pending[bytes]:
        """Make any call; the errors are about what ``about`` names, and say that ``doing`` it failed."""
        return self._background.run(lambda: self._hosts.call(call, about, doing))

    def call_later(self, call: Call, about: str, receive: Callable[[bytes], None]) -> None:
        """Make a call that nobody waits for; where it fails, nothing is received. May be called on the loop."""

        async def ask() -> None:
            with contextlib.suppress(OperationsError):
                receive(await self._hosts.call(call, about, "get"))

        self._background.soon(self._background.spawn, ask)

    def read(self, stream: Stream) -> Pending[None]:
        """Read a stream to its end; to cancel the result ends the reading."""

        async def read() -> None:
            try:
                host = self._hosts.at(stream.service).host
            except OperationsError as error:
                stream.end(error)
            else:
                await read_to_end(host, stream)

        return self._background.run(read)

    def close(self, *, at_exit: bool = False) -> None:
        """Stop asking, end every wait with WatchStopped, which is left out at exit, and end the thread."""
        self._background.close(at_exit=at_exit)

    def before_fork(self) -> None:
        """Close the channel; a call that is under way is made again afterwards."""
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped, TimeoutError):
                # In its turn, before any resume: the task may begin when a fork that could not wait is long over.
                self._background.soon(self._hosts.pause)
                self._background.run(self._hosts.close_while_paused).result(_FORK_TIMEOUT)

    def after_fork_in_parent(self) -> None:
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped):
                self._background.soon(self._hosts.resume)

    def after_fork_in_child(self) -> None:
        self.left_in_parent = True
        self._background.abandon()

    def _look_up(self, keys: Iterable[str]) -> None:
        """Have the connection find out where services are, which may take a moment, before the loop needs to know."""
        for service in {self._services.source(key).service for key in keys}:
            if service not in self._looked_up:
                with contextlib.suppress(OperationsError):  # the loop meets it again, and tells who follows
                    self._connection.address_of(service)
                    self._looked_up.add(service)

    # Everything below runs on the loop's thread.

    def _open(self) -> None:
        self._hosts = Hosts(self._services, self._connection.address_of, self._open_host, self._track, self._listeners)

    def _open_host(self, service: str) -> Host:
        return Host(self._connection, self._rate, self._connect_timeout, self._services, service)

    def _track(self, host: Host, find_elsewhere: Callable[[TrackedOperation], Awaitable[bool]]) -> Tracker:
        tracker = Tracker(self._background, host, self._listeners, self._schedule, self._in_flight, find_elsewhere)
        self._background.spawn(tracker.run)
        return tracker

    async def _shut(self) -> None:
        if not self._background.at_exit:
            for polled in self._hosts.opened:
                polled.tracker.give_up(wait_errors.closed())
            self._listeners.hand_over()
        await self._hosts.close()

    def _died(self, why: OperationsError) -> None:
        for polled in self._hosts.opened:
            polled.tracker.operations.clear()
        self._listeners.end_all(why)


async def _operation(asking: Awaitable[Answer]) -> Operation:
    return (await asking).operation
