"""What the tests of credentials share: sources that a test has written, and the limits that every source keeps."""

from __future__ import annotations

import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import yandexcloud

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.connection import Connection
from ds_ops_magic.connection.credentials import Source
from ds_ops_magic.connection.tokens import Token
from ds_ops_magic.connection.yandex_api import Cloud
from tests.support.following import lasting, until
from tests.support.stand_ins import CloudStandIn

Connected = Callable[..., OperationClient]
ClientBy = Callable[[Source], AbstractContextManager[OperationClient]]
SECONDS = 1.0
"""Seconds that a source is given."""


class ScriptedSource(Source):
    def __init__(self, name: str, give: Callable[[], Token]) -> None:
        self.name = self.identity = name
        self._give = give

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        return self._give()


class PublicSdk:
    def __init__(self, sdk: Any) -> None:
        self.client, self.waiter = sdk.client, sdk.waiter


def sdk_of(cloud: CloudStandIn, **options: Any) -> yandexcloud.SDK:
    """Make an SDK of a cloud; its credentials are among the options."""
    return yandexcloud.SDK(endpoint=cloud.address, root_certificates=cloud.ca.read_bytes(), **options)


def connection_by(cloud: CloudStandIn, *sources: Source, clock: Callable[[], float] = time.time) -> Connection:
    """Connect to a cloud by the first of these sources that it accepts, in more time than there really is."""
    return yandex.connect(Cloud(cloud.address, cloud.ca.read_bytes()), sources, 20.0, clock)


def fetched(source: Source, timeout: float = SECONDS) -> str:
    return source.fetch(Cloud("127.0.0.1:1"), timeout).value


def more_gets(cloud: CloudStandIn) -> None:
    asked = cloud.server.gets()
    until(lambda: cloud.server.gets() > asked + 10)


@contextmanager
def leaving_nothing(megabytes: float = 2.0) -> Iterator[None]:
    """Fail where the body takes longer than a source may, needs more memory, or leaves threads or descriptors."""
    threads, opened = set(threading.enumerate()), _descriptors()
    tracemalloc.start()
    try:
        with lasting(0.0, SECONDS):
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1e6, f"{peak / 1e6:.1f} MB"
    until(lambda: set(threading.enumerate()) <= threads)
    until(lambda: _descriptors() <= opened)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
