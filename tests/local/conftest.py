"""A store in a file of its own, and a clock in hand."""

from __future__ import annotations

import pytest

from ds_ops_magic.local import process_lock
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
def store(tmp_path):
    store = Store(tmp_path / "ops.sqlite")
    yield store
    store.close()
    process_lock.release(store.path)
