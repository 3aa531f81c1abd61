"""A service, a store in a file of its own, a clock that the test sets, and a system without threads."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from ds_ops_magic.local import LocalService, process_lock
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
    return tmp_path / "ops.sqlite"


@pytest.fixture
def service():
    with LocalService() as service:
        yield service


@pytest.fixture
def no_threads(monkeypatch):
    """Refuse to start threads while this context is open, as a system does that has no more of them."""

    @contextmanager
    def refusing():
        def refuse(_thread):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            yield

    return refusing


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()
    process_lock.release(store.path)
