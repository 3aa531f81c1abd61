from __future__ import annotations

import itertools
import logging
import threading
import time

from ds_ops_magic.display.redraw import Drawer
from tests.support.following import until


def test_a_drawing_is_called_until_it_says_that_it_is_over():
    drawer, over, calls = Drawer(), threading.Event(), []

    def draw() -> bool:
        calls.append(threading.current_thread().name)
        drawer.wake()
        if len(calls) == 3:
            over.set()
        return len(calls) == 3

    drawer.add(draw)
    assert over.wait(10)
    drawer.close()
    assert calls == ["ds_ops_magic drawer"] * 3


def test_drawings_keep_a_distance_however_much_is_new():
    drawer, enough, times = Drawer(), threading.Event(), []

    def draw() -> bool:
        times.append(time.monotonic())
        drawer.wake()
        if len(times) == 4:
            enough.set()
        return False

    drawer.add(draw)
    assert enough.wait(10)
    drawer.close()
    assert all(after - before >= 0.35 for before, after in itertools.pairwise(times))


def test_the_more_a_drawing_sends_the_longer_the_pause_after_it():
    drawer, enough, times = Drawer(), threading.Event(), []
    sizes = [1, 6, 2, 8]

    def draw() -> bool:
        times.append(time.monotonic())
        drawer.sent(sizes[len(times) - 1])
        drawer.sent(1)  # of another panel: each has messages of its own
        drawer.wake()
        if len(times) == 4:
            enough.set()
        return len(times) == 4

    drawer.add(draw)
    assert enough.wait(10)
    drawer.close()
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[0] < 1.0
    assert pauses[1] >= 6 / 5
    assert pauses[2] < pauses[1]


def test_a_press_is_drawn_at_once_and_paid_for_later():
    drawer, drawn, times = Drawer(), threading.Semaphore(0), []

    def draw() -> bool:
        times.append(time.monotonic())
        drawer.sent(4)
        drawn.release()
        return False

    drawer.add(draw)
    for _ in range(2):
        assert drawn.acquire(timeout=10)
        pressed = time.monotonic()
        drawer.redraw_now()
        assert drawn.acquire(timeout=10)
        assert times[-1] - pressed < 0.3
    drawer.wake()
    assert drawn.acquire(timeout=20)
    drawer.close()
    assert (len(times) - 1) * 4 / (times[-1] - times[0]) <= 5


def test_a_long_pause_delays_no_end():
    drawer, drawn = Drawer(), threading.Event()

    def draw() -> bool:
        drawer.sent(1_000)
        drawn.set()
        return False

    for end in (drawer.close, lambda: drawer.remove(draw)):
        drawn.clear()
        drawer.add(draw)
        assert drawn.wait(10)
        end()
        until(lambda: not any(thread.name == "ds_ops_magic drawer" for thread in threading.enumerate()), 1.5)


def test_the_thread_ends_with_the_last_panel_and_starts_again_with_the_next():
    drawer, drawn = Drawer(), threading.Event()

    def draw() -> bool:
        drawn.set()
        return True

    for _ in range(2):
        drawn.clear()
        drawer.add(draw)
        assert drawn.wait(10)
    drawer.close()
    assert not any(thread.name == "ds_ops_magic drawer" for thread in threading.enumerate())


def test_a_panel_that_cannot_be_drawn_is_dropped_and_the_others_go_on(caplog):
    drawer, drawn = Drawer(), threading.Event()

    def broken() -> bool:
        raise ValueError("no such widget")

    def draw() -> bool:
        drawn.set()
        return False

    with caplog.at_level(logging.ERROR):
        drawer.add(broken)
        drawer.add(draw)
        assert drawn.wait(10)
        drawer.close()
    assert [record.exc_info[1].args for record in caplog.records] == [("no such widget",)]


def test_after_remove_a_drawing_does_not_run_any_more():
    drawer, drawn, calls = Drawer(), threading.Event(), []

    def draw() -> bool:
        calls.append(1)
        drawn.set()
        return False

    drawer.add(draw)
    assert drawn.wait(10)
    drawer.remove(draw)
    seen = len(calls)
    drawer.wake()
    drawer.close()
    assert len(calls) == seen
