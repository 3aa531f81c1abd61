"""The one background poller of a client: a thread, a loop and a channel that ask for every followed operation."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import OperationsError, UnreadableAnswer, WatchStopped
from ds_ops_magic.model.grpc_codes import OnGet, unavailable
from ds_ops_magic.model.view import Update
from ds_ops_magic.polling.calls import UNREADABLE_RETRIES, CallFailed, OperationServiceCalls, read
from ds_ops_magic.polling.health import OutageDetector
from ds_ops_magic.polling.listeners import Listeners, Reference, reference_to
from ds_ops_magic.polling.loop import BackgroundLoop
from ds_ops_magic.polling.queue import PollQueue
from ds_ops_magic.polling.rate_limit import Pace
from ds_ops_magic.polling.retry import Requests, refusal
from ds_ops_magic.polling.schedule import Schedule, TokenBucket, retry_delay
from ds_ops_magic.polling.tracked import TrackedOperation, is_older
from ds_ops_magic.util import fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.view import Health
    from ds_ops_magic.polling.updates import Listener
    from ds_ops_magic.util.pending import Pending

_log = logging.getLogger(__name__)
IN_FLIGHT = 128  # calls under way at once, at most: more take memory, and bring nothing
_ASK_ONCE = 5.0  # seconds in which the one answer must come where somebody asks once
_PAUSE = 1.0  # seconds that a fork waits for the channel to close


class Poller:
    """Asks for every followed operation as often as the schedule says, and tells the listeners what changed.

    Public methods may be called from any thread, and return at once. Listeners are not kept alive: of one that nobody
    holds any more nothing is told, and what it alone wanted to know is not asked about any more.

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
        self._followed: dict[str, TrackedOperation] = {}
        self._due = PollQueue(in_flight)
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
        return self._calls.health

    def follow(self, ids: Iterable[str], listener: Listener) -> None:
        """Ask for these until each is done; an id that is followed already is still asked for once."""
        ids = list(ids)
        self._background.soon(self._follow, ids, self._listeners.add(listener, ids))

    def unfollow(self, ids: Iterable[str], listener: Listener) -> None:
        """Stop telling a listener about these, and asking where nobody else wants to know."""
        self._background.soon(self._unfollow, list(ids), reference_to(listener))

    def cancel_followed(self, ids: Iterable[str]) -> None:
        """Ask for these to be cancelled; what comes of it is reported to their listeners."""
        for operation_id in ids:
            self._background.soon(self._spawn_cancel, operation_id)

    def time_to_ask(self, number: int) -> float:
        """Return the seconds in which so many followed operations are asked once and answered, at the client's rate."""
        return _ASK_ONCE + max(number, len(self._followed)) / self._rate

    def get(self, operation_id: str) -> Pending[Operation]:
        """Ask for one operation now."""
        return self._background.run(lambda: self._requests.get(operation_id))

    def cancel(self, operation_id: str) -> Pending[Operation]:
        """Ask for one operation to be cancelled now; one that has already ended is returned as it is."""
        return self._background.run(lambda: self._requests.cancel(operation_id))

    def close(self, *, at_exit: bool = False) -> None:
        """Stop asking, end every wait with WatchStopped, close the channel and end the thread.

        Args:
            at_exit: The process is ending: nobody is told (`ds_ops_magic.polling.loop.BackgroundLoop.close`).
        """
        with contextlib.suppress(WatchStopped):
            self._background.soon(lambda: self._pace.stop())
        self._background.close(at_exit=at_exit)

    def before_fork(self) -> None:
        """Close the channel (`ds_ops_magic.util.fork`); a call that is under way is made again afterwards."""
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped, TimeoutError):
                # In its turn, before any resume: the task may begin when a fork that could not wait is long over.
                self._background.soon(self._calls.pause)
                self._background.run(self._calls.let_go).result(_PAUSE)

    def after_fork_in_parent(self) -> None:
        """Open the channel again."""
        if not self._background.is_current():
            with contextlib.suppress(WatchStopped):
                self._background.soon(self._calls.resume)

    def after_fork_in_child(self) -> None:
        """Be closed, and say so: the thread has stayed in the parent."""
        self.left_in_parent = True
        self._background.abandon()

    # Everything below runs on the loop's thread.

    def _open(self) -> None:
        self._calls = OperationServiceCalls(self._connection)
        self._silence = OutageDetector(self._calls, self._connect_timeout, self._background.time)
        self._pace = Pace(TokenBucket(self._rate, self._background.time()), self)
        self._requests = Requests(self._calls, self._connection, self._connect_timeout, self._pace)

    async def _shut(self) -> None:
        if not self._background.at_exit:
            self._give_up(errors.closed())
            self._listeners.hand_over()
        await self._calls.close()

    def _spawn_cancel(self, operation_id: str) -> None:
        self._background.spawn(self._cancel_followed, operation_id)

    def _died(self, why: OperationsError) -> None:
        """End every wait: the loop is gone, and this the last that its thread does."""
        self._followed.clear()
        self._listeners.end_all(why)

    def _follow(self, ids: list[str], listener: Reference) -> None:
        if listener() is None:
            return
        now = self._background.time()
        if not self._followed:
            self._silence.begin()  # the silence before nobody listened is no silence
        for operation_id in ids:
            followed = self._followed.get(operation_id)
            if followed is None:
                followed = self._followed[operation_id] = TrackedOperation(operation_id, now)
                self._due.put(operation_id, now)
            elif followed.operation is not None:
                self._listeners.tell(listener, Update(operation_id, after=followed.operation))
            followed.listeners.append(listener)
        self._pace.spend()

    def _unfollow(self, ids: Iterable[str], listener: Reference) -> None:
        self._listeners.drop(listener)
        for operation_id in ids:
            followed = self._followed.get(operation_id)
            if followed is None or listener not in followed.listeners:
                continue
            followed.listeners.remove(listener)
            if not followed.listeners:
                self._forget(followed)

    def _is_current(self, followed: TrackedOperation) -> bool:
        """Tell whether it is still followed: an id may have been let go, and taken up again since."""
        return self._followed.get(followed.id) is followed

    def _forget(self, followed: TrackedOperation) -> None:
        if self._is_current(followed):
            del self._followed[followed.id]
            self._due.drop(followed.id)
        if followed.question is not None and followed.question is not asyncio.current_task():
            followed.question.cancel()

    def next_due(self) -> float | None:
        """Return when the next one is due (`pace.Following`), None while enough calls are under way."""
        for listener, ids in self._listeners.gone():
            self._unfollow(ids, listener)
        return self._due.next_due(outage=self._silence.is_away)

    def ask_next(self) -> None:
        """Ask about the one that is due first (`pace.Following`)."""
        name, in_doubt = self._due.take(self._background.time(), outage=self._silence.is_away)
        followed = self._followed[name]
        followed.question = self._background.spawn(self._ask, followed, in_doubt)
        # Not within the task: one that is cancelled before its first step never runs at all.
        followed.question.add_done_callback(lambda _: self._asked(in_doubt))

    def _asked(self, in_doubt: bool) -> None:
        self._due.ended(in_doubt=in_doubt)
        self._pace.spend()

    async def _ask(self, followed: TrackedOperation, in_doubt: bool) -> None:
        credentials, began = self._requests.token_generation, self._background.time()
        given = self._silence.time_for_a_call(followed.deadline, in_doubt=in_doubt)
        try:
            try:
                raw = await self._calls.get(followed.id, given)
            except CallFailed as failed:
                if failed.code == "DEADLINE_EXCEEDED":
                    followed.note_too_late(given)
                    self._silence.note_too_late(given)
                await self._unanswered(followed, failed, credentials)
            else:
                took = self._background.time() - began
                followed.note_answer(took)
                self._silence.note_answer(took)
                self._answered(followed, raw)
        except UnreadableAnswer as error:
            self._unread(followed, error)
        except OperationsError as error:
            self._end(followed, error)
        except asyncio.CancelledError:  # mostly because nobody follows it any more; else its turn comes again
            self._ask_again(followed, 0.0)
            raise
        except BaseException as error:  # of a schedule or a connection that a user has made
            _log.exception("asking about %r failed", followed.id)
            self._end(followed, errors.internal_error(followed.id, error))
        finally:
            followed.question = None

    def _answered(self, followed: TrackedOperation, raw: bytes) -> None:
        if raw != followed.raw and self._is_current(followed):
            self._accept(followed, raw)
        followed.unreadable = 0
        if self._is_current(followed):
            age = self._background.time() - followed.since
            self._ask_again(followed, followed.interval(self._schedule, age, random.random()))  # noqa: S311  # jitter

    def _unread(self, followed: TrackedOperation, error: UnreadableAnswer) -> None:
        """Ask again after an answer that cannot be read: one that was cut off on the way is whole the next time."""
        followed.unreadable += 1
        if followed.unreadable > UNREADABLE_RETRIES:
            self._end(followed, error)
        else:
            self._ask_again(followed, retry_delay(followed.unreadable, random.random()))  # noqa: S311  # jitter

    def _accept(self, followed: TrackedOperation, raw: bytes) -> None:
        """Take over an answer that differs from the last one, unless it is older than that."""
        operation = read(followed.id, raw)
        if followed.operation is None:
            age = operation.elapsed_at(datetime.now(timezone.utc))
            followed.since = self._background.time() - (age or 0.0)
        elif is_older(operation, followed.operation):
            return
        followed.raw, followed.operation = raw, operation
        for listener in followed.listeners:
            self._listeners.tell(listener, Update(followed.id, after=operation))
        if operation.done:
            self._forget(followed)

    async def _unanswered(self, followed: TrackedOperation, failed: CallFailed, credentials: int) -> None:
        step = followed.step_after(failed)
        if step is OnGet.FAIL:
            self._end(followed, refusal(failed, followed.id, "wait", self._connection))
        elif step is OnGet.REFRESH:
            followed.refreshed = True
            await self._requests.refresh(credentials, followed.since)
            self._ask_again(followed, 0.0)
        elif self._silence.never_answered:
            self._give_up(unavailable(f"{failed.code}: {failed.words}", self._connection.endpoint))
        else:
            followed.failures += 1
            if failed.code == "RESOURCE_EXHAUSTED":
                self._pace.budget.slow_down(self._background.time(), failed.retry_after)
            # While others are answered, one that was refused by bad luck is asked again soon.
            in_a_row = min(followed.failures, self._calls.failures + 1)
            delay = retry_delay(in_a_row, random.random())  # noqa: S311  # jitter
            self._ask_again(followed, max(failed.retry_after or 0.0, delay))

    def _ask_again(self, followed: TrackedOperation, delay: float) -> None:
        if self._is_current(followed):
            self._due.put(followed.id, self._background.time() + delay, doubt=followed.failures)

    def _end(self, followed: TrackedOperation, error: OperationsError) -> None:
        for listener in followed.listeners:
            self._listeners.tell(listener, Update(followed.id, error=error))
        self._forget(followed)

    def _give_up(self, error: OperationsError) -> None:
        self._silence.begin()
        for followed in list(self._followed.values()):
            self._end(followed, error)

    async def _cancel_followed(self, operation_id: str) -> None:
        """Cancel on behalf of the listeners: the answer is the newest snapshot, a refusal is told."""
        try:
            operation = await self._requests.cancel(operation_id)
        except OperationsError as error:
            followed = self._followed.get(operation_id)
            for listener in followed.listeners if followed else ():
                self._listeners.tell(listener, Update(operation_id, cancel_error=error))
            return
        followed = self._followed.get(operation_id)
        if followed is not None:
            self._accept(followed, operation.to_proto().SerializeToString())
            followed.since = self._background.time()  # a cancelled operation ends soon, however old it is
            self._ask_again(followed, self._schedule.shortest)
            self._pace.spend()
