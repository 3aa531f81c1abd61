"""The thread that redraws live panels."""

from __future__ import annotations

import itertools
import logging
import threading
import time

from ds_ops_magic.display.redraw import RedrawThread
from tests.support.following import until


def test_until_a_panel_is_over():
    redraw, over, calls = RedrawThread(), threading.Event(), []

    def draw() -> bool:
        calls.append(threading.current_thread().name)
        redraw.wake()
        if len(calls) == 3:
            over.set()
        return len(calls) == 3

    redraw.add(draw)
    assert over.wait(10)
    redraw.stop()
    assert calls == ["ds_ops_magic redraw"] * 3


def test_the_least_interval():
    redraw, enough, times = RedrawThread(), threading.Event(), []

    def draw() -> bool:
        times.append(time.monotonic())
        redraw.wake()
        if len(times) == 4:
            enough.set()
        return False

    redraw.add(draw)
    assert enough.wait(10)
    redraw.stop()
    assert all(after - before >= 0.35 for before, after in itertools.pairwise(times))


def test_the_pause_for_messages():
    redraw, enough, times = RedrawThread(), threading.Event(), []
    sizes = [1, 6, 2, 8]

    def draw() -> bool:
        times.append(time.monotonic())
        redraw.count_messages(sizes[len(times) - 1])
        redraw.count_messages(1)  # of another panel: each has messages of its own
        redraw.wake()
        if len(times) == 4:
            enough.set()
        return len(times) == 4

    redraw.add(draw)
    assert enough.wait(10)
    redraw.stop()
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[0] < 1.0
    assert pauses[1] >= 6 / 5
    assert pauses[2] < pauses[1]


def test_redraw_now():
    redraw, drawn, times = RedrawThread(), threading.Semaphore(0), []

    def draw() -> bool:
        times.append(time.monotonic())
        redraw.count_messages(4)
        drawn.release()
        return False

    redraw.add(draw)
    for _ in range(2):
        assert drawn.acquire(timeout=10)
        pressed = time.monotonic()
        redraw.redraw_now()
        assert drawn.acquire(timeout=10)
        assert times[-1] - pressed < 0.3
    redraw.wake()
    assert drawn.acquire(timeout=20)
    redraw.stop()
    assert (len(times) - 1) * 4 / (times[-1] - times[0]) <= 5


def test_stop_in_a_long_pause():
    redraw, drawn = RedrawThread(), threading.Event()

    def draw() -> bool:
        redraw.count_messages(1_000)
        drawn.set()
        return False

    for end in (redraw.stop, lambda: redraw.remove(draw)):
        drawn.clear()
        redraw.add(draw)
        assert drawn.wait(10)
        end()
        until(lambda: not any(thread.name == "ds_ops_magic redraw" for thread in threading.enumerate()), 1.5)


def test_the_thread_ends_and_starts_again():
    redraw, drawn = RedrawThread(), threading.Event()

    def draw() -> bool:
        drawn.set()
        return True

    for _ in range(2):
        drawn.clear()
        redraw.add(draw)
        assert drawn.wait(10)
    redraw.stop()
    assert not any(thread.name == "ds_ops_magic redraw" for thread in threading.enumerate())


def test_a_panel_that_cannot_be_drawn(caplog):
    redraw, drawn = RedrawThread(), threading.Event()

    def broken() -> bool:
        raise ValueError("no such widget")

    def draw() -> bool:
        drawn.set()
        return False

    with caplog.at_level(logging.ERROR):
        redraw.add(broken)
        redraw.add(draw)
        assert drawn.wait(10)
        redraw.stop()
    assert [record.exc_info[1].args for record in caplog.records] == [("no such widget",)]


def test_remove():
    redraw, drawn, calls = RedrawThread(), threading.Event(), []

    def draw() -> bool:
        calls.append(1)
        drawn.set()
        return False

    redraw.add(draw)
    assert drawn.wait(10)
    redraw.remove(draw)
    seen = len(calls)
    redraw.wake()
    redraw.stop()
    assert len(calls) == seen
