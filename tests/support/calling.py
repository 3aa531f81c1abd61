"""Tests, and calls of a host, on an event loop of their own."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.polling.host import Host
from ds_ops_magic.polling.retry import CallFailed
from tests.support.scripted import ScriptedServer

P = ParamSpec("P")
T = TypeVar("T")


def calling(target: ScriptedServer | EndpointConnection, work: Callable[[Host], Awaitable[T]]) -> T:
    connection = EndpointConnection(target.address) if isinstance(target, ScriptedServer) else target

    async def main() -> T:
        host = Host(connection, 10_000.0, 2.0)
        try:
            return await work(host)
        finally:
            await host.channel.close()

    return asyncio.run(main())


def on_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def failure_of(call: Awaitable[bytes]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await call
    return caught.value
