"""Fresh credentials, fetched once for all calls that were refused with the same ones."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.connections.patience import awaited
from ds_ops_magic.errors import OperationsError

if TYPE_CHECKING:
    from ds_ops_magic.connections.connection import Connection

# Thousands of operations are asked about once in about that time.
_STANDS = 60.0  # seconds for which a failure is the answer to all who were asking when it came


class _Failure(NamedTuple):
    refused: int
    at: float
    error: OperationsError


class Refresher:
    """Refreshes the credentials of a connection, off the loop that it lives on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._work: asyncio.Task[OperationsError | None] | None = None
        self._waiting = 0
        self._failed: _Failure | None = None

    async def refresh(self, refused: int, since: float) -> None:
        """Wait until other credentials are in use than those a call was refused with.

        Args:
            refused: Their number (`Connection.credentials`), as it was when the call was made.
            since: When the caller began to ask, on the monotonic clock: what failed after that has failed for it too.

        Raises:
            OperationsError: There are none to be had.
        """
        if self._connection.credentials != refused:
            return
        error = self._known_failure(refused, since) or await self._outcome(refused)
        if error is not None:
            raise error.with_traceback(None)  # thousands may raise it, and each would leave its frames there

    def _known_failure(self, refused: int, since: float) -> OperationsError | None:
        failed = self._failed
        if failed is None or failed.refused != refused or since > failed.at:
            return None
        return failed.error if time.monotonic() - failed.at < _STANDS else None

    async def _outcome(self, refused: int) -> OperationsError | None:
        """Wait for the one refresh that is under way; begin it, where there is none."""
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._refresh(refused))
        work = self._work
        self._waiting += 1
        try:
            await asyncio.wait({work})  # who is cancelled here does not take it from the others
            return work.result()
        finally:
            self._waiting -= 1
            if not self._waiting:
                work.cancel()
                self._work = None

    async def _refresh(self, refused: int) -> OperationsError | None:
        try:
            await awaited(lambda: self._connection.refresh(refused), "ds_ops_magic token")
        except OperationsError as error:
            if self._connection.credentials != refused:  # others came meanwhile
                return None
            self._failed = _Failure(refused, time.monotonic(), error)
            return error
        return None
