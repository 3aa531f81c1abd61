"""Fresh credentials, fetched once for all calls that were refused with the same ones."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.connection.tokens import TemporarilyUnavailable
from ds_ops_magic.model.errors import AuthenticationError, OperationsError, thread_limit
from ds_ops_magic.polling.retry import retry_delay
from ds_ops_magic.util.text import tidy
from ds_ops_magic.util.threads import DaemonThreads, ThreadLimitReached

if TYPE_CHECKING:
    from ds_ops_magic.connection.connection import Connection

_log = logging.getLogger(__name__)
# Seconds for which a failure is the answer to all who were asking when it came: thousands of operations are asked
# about once in about that time.
_FAILURE_LIFETIME = 60.0


class _Failure(NamedTuple):
    token_generation: int
    at: float
    error: OperationsError


@dataclass(eq=False)
class _Work:
    task: asyncio.Task[OperationsError | None] = field(init=False)
    waiting: int = 0
    unavailable: OperationsError | None = None  # what the source of the credentials said last, if it gave none


class Refresher:
    """Refreshes the credentials of a connection, off the loop that it lives on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._works: dict[int, _Work] = {}  # by what was refused
        self._failed: _Failure | None = None
        self._threads = DaemonThreads("ds_ops_magic token")

    async def refresh(self, token_generation: int, since: float, until: float = math.inf) -> None:
        """Wait until other credentials are in use than those a call was refused with, or raise why there are none.

        Both times are of the monotonic clock: ``since`` is when the caller began to ask (a refresh that failed later
        has failed for it), and ``until`` when it stops waiting.
        """
        if self._connection.token_generation != token_generation:
            return
        error = self._known_failure(token_generation, since) or await self._outcome(token_generation, until)
        if error is not None:
            raise error.with_traceback(None)  # thousands may raise it, and each would leave its frames there

    def _known_failure(self, token_generation: int, since: float) -> OperationsError | None:
        failed = self._failed
        if failed is None or failed.token_generation != token_generation or since > failed.at:
            return None
        return failed.error if time.monotonic() - failed.at < _FAILURE_LIFETIME else None

    async def _outcome(self, token_generation: int, until: float) -> OperationsError | None:
        """Wait for the refresh that is under way; begin it where there is none."""
        work = self._works.get(token_generation)
        if work is None:
            work = self._works[token_generation] = _Work()
            work.task = asyncio.create_task(self._refresh(token_generation, work))
        work.waiting += 1
        try:
            # Who is cancelled here does not take it from the others.
            await asyncio.wait({work.task}, timeout=None if until == math.inf else until - time.monotonic())
            if work.task.done():
                return work.task.result()
            return work.unavailable or AuthenticationError(
                f"{tidy(self._connection.endpoint, 100)} refused the credentials, and no fresh ones came in time.",
                "The operations go on by themselves; try again later.",
            )
        finally:
            work.waiting -= 1
            if not work.waiting:
                work.task.cancel()
                del self._works[token_generation]

    async def _refresh(self, token_generation: int, work: _Work) -> OperationsError | None:
        """Refresh, again and again while the source of the credentials gives none; return the error of its refusal."""
        attempts = 0
        while self._connection.token_generation == token_generation:
            try:
                await asyncio.wrap_future(self._threads.submit(self._connection.refresh, token_generation))
            except (TemporarilyUnavailable, ThreadLimitReached) as error:
                work.unavailable = error.error if isinstance(error, TemporarilyUnavailable) else thread_limit(error)
                delay = _delay(attempts, random.random())  # noqa: S311  # jitter
                _log.debug("no fresh credentials yet, next try in %.1f s", delay)
                await asyncio.sleep(delay)
                attempts += 1
            except OperationsError as error:
                if self._connection.token_generation == token_generation:  # else others came meanwhile
                    _log.debug("no fresh credentials: %s", type(error).__name__)
                    self._failed = _Failure(token_generation, time.monotonic(), error)
                    return error
            except (SystemExit, KeyboardInterrupt) as error:  # of a connection that a user has made
                raise RuntimeError(f"{type(error).__name__} in refresh") from error  # itself it would end the loop
            else:
                _log.debug("the credentials were refreshed")
                break
        return None


def _delay(attempts: int, chance: float) -> float:
    """Return the seconds until the source is asked again: longer than between calls, as yc is a process."""
    return retry_delay(attempts, chance, first=0.25, longest=10.0)
