"""One service as the poller sees it: its calls, whether it is up, the rate limit and the credentials."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from ds_ops_magic.model import errors, grpc_codes
from ds_ops_magic.model.grpc_codes import OnGet
from ds_ops_magic.polling.health import OutageDetector
from ds_ops_magic.polling.rate_limit import RateLimiter
from ds_ops_magic.polling.reauth import Refresher
from ds_ops_magic.polling.rpc import OperationServiceCalls

if TYPE_CHECKING:
    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.polling.failure import CallFailed
    from ds_ops_magic.polling.retry import Attempts


class Service:
    """What single requests and tracked operations share. Lives on one event loop.

    Args:
        connection: Where the service is, and who we are there.
        rate: The most calls per second.
        connect_timeout: Seconds of silence that are final while the service has never answered.
    """

    def __init__(self, connection: Connection, rate: float, connect_timeout: float) -> None:
        self.connection = connection
        self.health = OutageDetector(connect_timeout, asyncio.get_running_loop().time)
        self.calls = OperationServiceCalls(connection, self.health)
        self.limiter = RateLimiter(rate)
        self.refresher = Refresher(connection)

    def delay_after(self, failed: CallFailed, attempts: Attempts) -> float:
        """Return the seconds until a failed call is made again; slows all calls down where the service wants that."""
        if failed.on_get is OnGet.BACK_OFF:
            self.limiter.slow_down(failed.retry_after)
        return attempts.delay_after(failed, self.health.failures, random.random())  # noqa: S311  # jitter

    def refusal(self, failed: CallFailed, operation_id: str, doing: str) -> OperationsError:
        """Make the error a user reads of a call that was refused for good; ``doing`` is wait, get or cancel."""
        if failed.is_over_the_limit:
            return errors.unreadable(operation_id, None, failed.message)
        return grpc_codes.error_for(failed.code, failed.message, operation_id, doing, self.connection.source)

    def silence(self, status: str) -> OperationsError:
        """Make the error a user reads when there is no answer; ``status`` is what gRPC said last."""
        return errors.unavailable(status, self.connection.endpoint)
