"""Calls of an OperationService on an event loop of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.polling.failure import CallFailed
from ds_ops_magic.polling.health import OutageDetector
from ds_ops_magic.polling.rpc import OperationServiceCalls
from tests.support.scripted import ScriptedServer

T = TypeVar("T")


def calling(target: ScriptedServer | EndpointConnection, work: Callable[[OperationServiceCalls], Awaitable[T]]) -> T:
    connection = EndpointConnection(target.address) if isinstance(target, ScriptedServer) else target

    async def main() -> T:
        calls = OperationServiceCalls(connection, OutageDetector(2.0, time.monotonic))
        try:
            return await work(calls)
        finally:
            await calls.channel.close()

    return asyncio.run(main())


async def failure_of(call: Awaitable[bytes]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await call
    return caught.value
