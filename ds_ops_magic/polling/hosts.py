"""Which host each operation is asked about at, and requests that take several hosts; all of it on the poller's loop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import (
    AuthenticationError,
    OperationNotFound,
    OperationsError,
    ServiceRefused,
    ServiceUnavailable,
)
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.model.view import Health, Update
from ds_ops_magic.polling.requests import Requests
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Any

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.sources import Call, CancelOptions, Services
    from ds_ops_magic.polling.host import Answer, Host
    from ds_ops_magic.polling.listeners import Listeners, Reference
    from ds_ops_magic.polling.tracked import TrackedOperation
    from ds_ops_magic.polling.tracker import Tracker

_log = logging.getLogger(__name__)
_ABSENT = 60.0
"""Seconds for which a service that is not there, or silent, is not tried for what is not found elsewhere."""


@dataclass(frozen=True)
class PolledHost:
    """A host, the single requests to it, and the tracker of its operations."""

    host: Host
    requests: Requests
    tracker: Tracker


class Hosts:
    """The hosts of one client: one channel, one rate and one tracker for each address; opened at the first use.

    Args:
        services: Says which service is asked about a key.
        address_of: Gives the address of a service; raises OperationsError where there is none.
        open_host: Opens the channel to a service.
        track: Makes the tracker of a host, given what it asks about an operation that is not found.
        listeners: Who is told where a key cannot be asked about at all.
    """

    def __init__(
        self,
        services: Services,
        address_of: Callable[[str], str],
        open_host: Callable[[str], Host],
        track: Callable[[Host, Callable[[TrackedOperation], Coroutine[Any, Any, bool]]], Tracker],
        listeners: Listeners,
    ) -> None:
        self._services = services
        self._address_of = address_of
        self._open_host = open_host
        self._track = track
        self._listeners = listeners
        self._time = asyncio.get_running_loop().time
        self._by_address: dict[str, PolledHost] = {}
        self._by_service: dict[str, PolledHost] = {}
        self._moved: dict[str, str] = {}  # ids of operations that turned out to be jobs, to their keys
        self._absent_until: dict[str, float] = {}
        self._paused = 0
        self.opened: tuple[PolledHost, ...] = ()  # replaced and not changed: other threads read it
        self.main = self.at(OPERATION)

    def at(self, service: str) -> PolledHost:
        """Return the host of a service; raises OperationsError where endpoint discovery does not know it."""
        if service in self._by_service:
            return self._by_service[service]
        address = self._address_of(service)
        found = self._by_address.get(address)
        if found is None:
            host = self._open_host(service)
            for _ in range(self._paused):
                host.channel.pause()
            found = PolledHost(host, Requests(host), self._track(host, self._find_elsewhere))
            self._by_address[address] = found
            self.opened = (*self.opened, found)
        self._by_service[service] = found
        return found

    def of(self, key: str) -> PolledHost:
        return self.at(self._services.source(key).service)

    @property
    def number_tracked(self) -> int:
        """How many operations are tracked; may be read from any thread."""
        return sum(len(polled.tracker.operations) for polled in self.opened)

    @property
    def health(self) -> Health:
        """Whether the hosts answer: of the one that has been silent for longest. May be read from any thread."""
        current = [polled.host.health.current for polled in self.opened if polled.tracker.operations]
        return max(current, key=lambda health: health.silent_for or 0.0, default=self.main.host.health.current)

    def follow(self, ids: Iterable[str], listener: Reference) -> None:
        grouped: dict[Tracker, dict[str, str]] = {}
        for operation_id in ids:
            key = self._moved.get(operation_id, operation_id)
            try:
                grouped.setdefault(self.of(key).tracker, {})[operation_id] = key
            except OperationsError as error:
                self._listeners.notify(listener, Update(operation_id, error=error))
        for tracker, keys in grouped.items():
            tracker.follow(keys, listener)

    def unfollow(self, ids: Iterable[str], listener: Reference) -> None:
        ids = list(ids)
        for polled in self.opened:
            polled.tracker.unfollow(ids, listener)

    async def cancel_followed(self, operation_id: str, options: CancelOptions) -> None:
        key = self._moved.get(operation_id, operation_id)
        try:
            polled = self.of(key)
        except OperationsError:  # its listeners know
            return
        tracked = polled.tracker.operations.get(operation_id)
        known = tracked.operation if tracked else None
        await polled.tracker.take_cancel(operation_id, self.cancel(key, options, known))

    async def get(self, key: str, doing: str = "get") -> Answer:
        """Ask about an operation; where its id is not found, and is that of a job, about the job."""
        key = self._moved.get(key, key)
        try:
            return await self.of(key).requests.get(key, doing)
        except OperationNotFound:
            answer = await self._get_elsewhere(self._services.other_key(key))
            if answer is None:
                raise
            return answer

    async def cancel(self, key: str, options: CancelOptions, known: Operation | None = None) -> Answer:
        """Ask for an operation to be cancelled, in the way of its service; ``known`` is what is known about it."""
        if known is None:
            try:
                answer = await self.get(key, "cancel")
            except (ServiceUnavailable, AuthenticationError):
                raise
            except OperationsError as error:  # what cannot be seen may still be cancelled
                _log.debug("%s cannot be looked at before its cancel: %s", tidy(key, 50), type(error).__name__)
                return await self.of(key).requests.cancel(key)
            known = answer.operation
            if known.done:
                return answer
        key = known.id or key
        call = self._services.cancel_call(known, options)
        answered = None if call is None else await self._cancel_by(call, key)
        return answered or await self.of(key).requests.cancel(key)

    async def call(self, call: Call, about: str, doing: str) -> bytes:
        """Make any call; returns the serialized answer."""
        return await self.at(call.service).requests.call(call, about, doing)

    def pause(self) -> None:
        self._paused += 1
        for polled in self.opened:
            polled.host.channel.pause()

    def resume(self) -> None:
        self._paused -= 1
        for polled in self.opened:
            polled.host.channel.resume()

    async def close_while_paused(self) -> None:
        await asyncio.gather(*(polled.host.channel.close_while_paused() for polled in self.opened))

    async def close(self) -> None:
        await asyncio.gather(*(polled.host.channel.close() for polled in self.opened))

    async def _cancel_by(self, call: Call, key: str) -> Answer | None:
        """Cancel by a call of the operation's own service; None where that service is not there."""
        try:
            requests = self.at(call.service).requests
        except OperationsError:
            return None
        try:
            await requests.call(call, key, "cancel", cancel=True)
        except ServiceRefused as refused:
            if refused.code == "UNIMPLEMENTED":
                return None
            answer = await self.of(key).requests.get(key)
            if answer.operation.done:  # it was too late
                return answer
            raise
        return await self.of(key).requests.get(key)

    async def _find_elsewhere(self, tracked: TrackedOperation) -> bool:
        other = self._services.other_key(tracked.key) if tracked.operation is None else None
        answer = await self._get_elsewhere(other)
        if other is None or answer is None:
            return False
        _log.info("%s is no operation: followed as %s", tidy(tracked.id, 50), tidy(other, 60))
        self._moved[tracked.id] = other
        self.of(other).tracker.adopt(tracked, other, answer)
        return True

    async def _get_elsewhere(self, key: str | None) -> Answer | None:
        if key is None:
            return None
        service = self._services.source(key).service
        if self._time() < self._absent_until.get(service, 0.0):
            return None
        try:
            return await self.of(key).requests.get(key)
        except ServiceUnavailable:
            self._absent_until[service] = self._time() + _ABSENT
        except ServiceRefused as refused:
            if refused.code == "UNIMPLEMENTED":
                self._absent_until[service] = self._time() + _ABSENT
        except OperationsError as error:
            _log.debug("%s is not there either: %s", tidy(key, 60), type(error).__name__)
        return None
