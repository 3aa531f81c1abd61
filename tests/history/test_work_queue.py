"""The queue of a history's thread: order, errors, and how long what is not urgent waits for more of its kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from ds_ops_magic.history import work_queue
from ds_ops_magic.history.work_queue import WorkQueue
from tests.support.following import DEADLINE


def seconds_of(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


def test_work_is_done_in_order_whatever_one_raises(queue: WorkQueue) -> None:
    done: list[str] = []
    queue.put(lambda: done.append("a"), urgent=True)
    queue.put(lambda: done.append(str(1 // 0)), urgent=True)
    queue.put(lambda: done.append("b"), urgent=False)
    assert queue
    queue.run_all()
    assert done == ["a", "b"]
    assert not queue


def test_work_put_there_meanwhile(queue: WorkQueue) -> None:
    queue.put(lambda: queue.put(int, urgent=True), urgent=False)
    queue.run_all()
    assert queue
    assert seconds_of(lambda: queue.wait(DEADLINE)) < DEADLINE / 2


def test_work_that_is_not_urgent_waits_for_more(queue: WorkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_queue, "_GATHER", 0.2)
    for _ in range(2):
        queue.put(int, urgent=False)
        assert seconds_of(lambda: queue.wait(DEADLINE)) >= 0.2
        queue.run_all()
        queue.put(int, urgent=True)
        queue.run_all()  # the urgency is over


def test_urgent_work_ends_the_waiting_at_once(queue: WorkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_queue, "_GATHER", DEADLINE)
    queue.put(int, urgent=False)
    timer = threading.Timer(0.1, lambda: queue.put(int, urgent=True))
    assert 0.1 <= seconds_of(lambda: (timer.start(), queue.wait(None))) < DEADLINE / 2


def test_waiting_ends_without_work(queue: WorkQueue) -> None:
    assert seconds_of(lambda: queue.wait(0.05)) >= 0.05
    assert seconds_of(lambda: queue.wait(1.1)) >= 1.1  # longer than one sleep of a signal
    threading.Timer(0.05, queue.wake).start()
    assert seconds_of(lambda: queue.wait(DEADLINE)) < DEADLINE / 2
