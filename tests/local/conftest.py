"""A service, a store in a file of its own, a server with a clock that the test sets, and a system without threads."""

from __future__ import annotations

import threading
from unittest import mock

import grpc
import pytest

from ds_ops_magic.local import LocalService, grpc_server, process_lock
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.local.store import Store

SECOND = 1_000_000_000


class Clock:
    def __init__(self):
        self.now = 1_700_000_000 * SECOND

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "ops.sqlite"
    process_lock.release(tmp_path / "ops.sqlite")


@pytest.fixture
def service():
    with LocalService() as service:
        yield service


@pytest.fixture
def no_threads():
    """A context in which no thread can be started, as on a system that has no more of them."""
    return mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread"))


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()


@pytest.fixture
def repository(store, clock):
    return OperationRepository(store, clock)


@pytest.fixture
def channel(repository):
    """A channel to a server of the repository."""
    server = grpc_server.start(repository, "127.0.0.1:0", None)
    with grpc.insecure_channel(server.address) as channel:
        yield channel
    server.stop(0.25)
