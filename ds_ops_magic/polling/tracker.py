"""Asks one host about each tracked operation when it is due, and tells its listeners what changed."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import OperationsError, UnreadableAnswer
from ds_ops_magic.model.view import Update
from ds_ops_magic.polling.queue import PollQueue
from ds_ops_magic.polling.rate_limit import TICK, Caller
from ds_ops_magic.polling.retry import Action, CallFailed, Failure
from ds_ops_magic.polling.tracked import TrackedOperation, is_older
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from ds_ops_magic.polling.host import Answer, Host
    from ds_ops_magic.polling.listeners import Listeners, Reference
    from ds_ops_magic.polling.loop import BackgroundLoop
    from ds_ops_magic.polling.schedule import Schedule

_log = logging.getLogger(__name__)
_LONGEST_SLEEP = 3600.0  # seconds; not every event loop has timers without end


class Tracker:
    """Follows the operations of one host on the poller's loop, where all of its methods run.

    ``find_elsewhere`` is asked about one that is not found; it returns whether another tracker has taken it over.
    """

    def __init__(
        self,
        background: BackgroundLoop,
        host: Host,
        listeners: Listeners,
        schedule: Schedule,
        in_flight: int,
        find_elsewhere: Callable[[TrackedOperation], Awaitable[bool]],
    ) -> None:
        self.operations: dict[str, TrackedOperation] = {}
        self._background = background
        self._host = host
        self._listeners = listeners
        self._schedule = schedule
        self._find_elsewhere = find_elsewhere
        self._queue = PollQueue(in_flight)
        self._wakeup: asyncio.Future[None] = background.loop.create_future()
        self._waits_for = math.inf  # when the next question is due; infinity where it waits for room

    async def run(self) -> None:
        while True:
            await self._until_due()
            await self._host.limiter.acquire(Caller.TRACKER)
            if not self._ask_next():  # nobody follows any more what was due
                self._host.limiter.give_back()

    def follow(self, keys: Mapping[str, str], listener: Reference) -> None:
        """Ask about these, by the key of each id, until each is done; the listener gets what is known already."""
        if listener() is None:
            return
        now = self._background.time()
        if not self.operations:
            self._host.health.restart()  # while nobody asks, silence means nothing
        for operation_id, key in keys.items():
            tracked = self.operations.get(operation_id)
            if tracked is None:
                tracked = self.operations[operation_id] = TrackedOperation(operation_id, key, now)
                self._queue.put(operation_id, now)
            elif tracked.operation is not None:
                self._listeners.notify(listener, Update(operation_id, after=tracked.operation))
            tracked.listeners.append(listener)
        self._wake()

    def unfollow(self, ids: Iterable[str], listener: Reference) -> None:
        self._listeners.drop(listener)
        for operation_id in ids:
            tracked = self.operations.get(operation_id)
            if tracked is None or listener not in tracked.listeners:
                continue
            tracked.listeners.remove(listener)
            if not tracked.listeners:
                self._forget(tracked)

    def adopt(self, tracked: TrackedOperation, key: str, answer: Answer) -> None:
        """Follow what another tracker has followed so far, by a key that was answered about."""
        if not self.operations:
            self._host.health.restart()
        adopted = TrackedOperation(tracked.id, key, tracked.since, list(tracked.listeners))
        self.operations[tracked.id] = adopted
        self.accept(adopted, answer)
        self._ask_again(adopted, self._schedule.shortest)

    async def take_cancel(self, operation_id: str, cancel: Awaitable[Answer]) -> None:
        """Wait for the answer to a cancel on behalf of the listeners, who get it, or the error."""
        try:
            answer = await cancel
        except OperationsError as error:
            if operation_id in self.operations:
                self._notify(self.operations[operation_id], Update(operation_id, cancel_error=error))
            return
        tracked = self.operations.get(operation_id)
        if tracked is not None:
            self.accept(tracked, answer)
            tracked.since = self._background.time()  # a cancelled operation ends soon, however old it is
            self._ask_again(tracked, self._schedule.shortest)

    def give_up(self, error: OperationsError) -> None:
        self._host.health.restart()
        for tracked in list(self.operations.values()):
            self._end(tracked, error)

    async def _until_due(self) -> None:
        """Wait until an operation is due and there is room for its question."""
        loop = self._background.loop
        while (due := self._next_due()) > loop.time():
            self._wakeup = loop.create_future()
            self._waits_for = math.inf if self._host.health.is_away else due
            timer = loop.call_at(min(max(due, loop.time() + TICK), loop.time() + _LONGEST_SLEEP), self._wake)
            try:
                await self._wakeup
            finally:
                timer.cancel()

    def _next_due(self) -> float:
        for listener, ids in self._listeners.gone():
            self.unfollow(ids, listener)
        return self._queue.next_due(outage=self._host.health.is_away)

    def _wake(self) -> None:
        if not self._wakeup.done():
            self._wakeup.set_result(None)

    def _ask_next(self) -> bool:
        taken = self._queue.take(self._background.time(), outage=self._host.health.is_away)
        if taken is None:
            return False
        operation_id, missed = taken
        tracked = self.operations[operation_id]
        tracked.question = self._background.spawn(self._ask, tracked, missed)
        # Not within the task: one that is cancelled before its first step never runs at all.
        tracked.question.add_done_callback(lambda _: self._asked(missed))
        return True

    def _asked(self, missed: bool) -> None:
        self._queue.ended(missed=missed)
        if missed or self._waits_for == math.inf:  # else it was not room that was lacking
            self._wake()

    async def _ask(self, tracked: TrackedOperation, missed: bool) -> None:
        token_generation, began = self._host.connection.token_generation, self._background.time()
        given = self._host.health.call_timeout(tracked.deadline, missed=missed)
        try:
            try:
                data = await self._host.get(tracked.key, given)
                tracked.note_answer(self._background.time() - began)
                self._answered(tracked, data)
            except (CallFailed, UnreadableAnswer) as failed:
                if isinstance(failed, CallFailed) and failed.code == "DEADLINE_EXCEEDED":
                    tracked.note_timeout(given)
                await self._failed(tracked, failed, token_generation)
        except OperationsError as error:
            self._end(tracked, error)
        except asyncio.CancelledError:  # mostly because nobody follows it any more; else its turn comes again
            self._ask_again(tracked, 0.0)
            raise
        except BaseException as error:  # of a schedule or a connection that a user has made
            _log.exception("asking about %r failed", tracked.id)
            self._end(tracked, errors.internal_error(tracked.id, error))
        finally:
            tracked.question = None

    def _answered(self, tracked: TrackedOperation, data: bytes) -> None:
        if data != tracked.data and self._is_current(tracked):
            self.accept(tracked, self._host.read(tracked.key, data))
        tracked.attempts.unreadable = 0
        if self._is_current(tracked):
            age = self._background.time() - tracked.since
            self._ask_again(tracked, tracked.interval(self._schedule, age, random.random()))  # noqa: S311  # jitter

    def accept(self, tracked: TrackedOperation, answer: Answer) -> None:
        """Take over an answer that differs from the last one, unless it is outdated."""
        last, operation = tracked.operation, answer.operation
        if last is None:
            age = operation.elapsed_at(datetime.now(timezone.utc))
            tracked.since = self._background.time() - (age or 0.0)
        elif is_older(operation, last):
            return
        tracked.data, tracked.operation = answer
        if _log.isEnabledFor(logging.DEBUG) and (last is None or last.status is not operation.status):
            before = last.status.name if last else "not seen"
            _log.debug("%s: %s, before: %s", tidy(tracked.id, 50), operation.status.name, before)
        self._notify(tracked, Update(tracked.id, after=operation))
        if operation.done:
            self._forget(tracked)

    async def _failed(self, tracked: TrackedOperation, failed: Failure, token_generation: int) -> None:
        host, action = self._host, tracked.attempts.after(failed)
        if action is Action.FAIL:
            if _is_not_found(failed) and await self._find_elsewhere(tracked):
                self._forget(tracked)
                return
            self._end(tracked, host.refusal(failed, tracked.id, "wait"))
        elif action is Action.REFRESH:
            await host.refresher.refresh(token_generation, tracked.since)
            self._ask_again(tracked, 0.0)
        elif host.health.never_answered:
            self.give_up(host.unavailable(str(failed)))
        else:
            self._ask_again(tracked, host.delay_after(failed, tracked.attempts, tracked.id))

    def _ask_again(self, tracked: TrackedOperation, delay: float) -> None:
        if self._is_current(tracked):
            due = self._background.time() + delay
            self._queue.put(tracked.id, due, misses=tracked.attempts.failures)
            if due < self._waits_for:
                self._wake()

    def _is_current(self, tracked: TrackedOperation) -> bool:
        """Tell whether it is still followed: its id may have been dropped, and followed anew since."""
        return self.operations.get(tracked.id) is tracked

    def _end(self, tracked: TrackedOperation, error: OperationsError) -> None:
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s: the wait ends with %s", tidy(tracked.id, 50), type(error).__name__)
        self._notify(tracked, Update(tracked.id, error=error))
        self._forget(tracked)

    def _notify(self, tracked: TrackedOperation, update: Update) -> None:
        for listener in tracked.listeners:
            self._listeners.notify(listener, update)

    def _forget(self, tracked: TrackedOperation) -> None:
        if self._is_current(tracked):
            del self.operations[tracked.id]
            self._queue.drop(tracked.id)
        if tracked.question is not None and tracked.question is not asyncio.current_task():
            tracked.question.cancel()


def _is_not_found(failed: Failure) -> bool:
    return isinstance(failed, CallFailed) and failed.code == "NOT_FOUND"
