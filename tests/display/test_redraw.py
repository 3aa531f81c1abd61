"""The thread that redraws live panels."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator

import pytest

from ds_ops_magic.display.redraw import RedrawThread
from tests.support.following import until

THREAD = "ds_ops_magic redraw"


class Panel:
    """A live panel that always has news, takes some messages a drawing, and may be over after a number of drawings."""

    def __init__(self, redraw: RedrawThread, *messages: int, over_after: int = 0) -> None:
        self.times: list[float] = []
        self.threads: list[str] = []
        self._redraw = redraw
        self._messages = itertools.cycle(messages or (0,))
        self._over_after = over_after
        redraw.add(self.draw)

    def draw(self) -> bool:
        self._redraw.wake()
        self._redraw.count_messages(next(self._messages))
        self.threads.append(threading.current_thread().name)
        self.times.append(time.monotonic())
        return len(self.times) == self._over_after

    def pauses(self, number: int) -> list[float]:
        """Wait for so many drawings and return the seconds between them."""
        until(lambda: len(self.times) >= number)
        return [after - before for before, after in itertools.pairwise(self.times[:number])]


@pytest.fixture
def redraw() -> Iterator[RedrawThread]:
    redraw = RedrawThread()
    yield redraw
    redraw.stop()
    assert not is_running()


def is_running() -> bool:
    return any(thread.name == THREAD for thread in threading.enumerate())


def test_the_thread_ends_and_starts_again(redraw: RedrawThread) -> None:
    for _ in range(2):
        panel = Panel(redraw, over_after=2)
        until(lambda: not is_running())
        assert panel.threads == [THREAD] * 2


def test_the_least_interval(redraw: RedrawThread) -> None:
    assert min(Panel(redraw).pauses(4)) >= 0.35


def test_the_pause_for_messages(redraw: RedrawThread) -> None:
    panel = Panel(redraw, 1, 6, 2, 8)
    Panel(redraw, 1)  # each has messages of its own
    first, second, third = panel.pauses(4)
    assert first < 1.0
    assert second >= 6 / 5
    assert third < second


def test_redraw_now(redraw: RedrawThread) -> None:
    panel = Panel(redraw, 4)
    for number in (1, 2):
        panel.pauses(number)
        pressed_at = time.monotonic()
        redraw.redraw_now()
        panel.pauses(number + 1)
        assert panel.times[number] - pressed_at < 0.3
    assert 3 * 4 / sum(panel.pauses(4)) <= 5  # the last one after the pauses that were skipped


@pytest.mark.parametrize("stops", [False, True])
def test_the_end_in_a_long_pause(redraw: RedrawThread, stops: bool) -> None:
    panel = Panel(redraw, 1_000)
    panel.pauses(1)
    if stops:
        redraw.stop()
    else:
        redraw.remove(panel.draw)
    until(lambda: not is_running(), 1.5)
    assert panel.threads == ([THREAD, "MainThread"] if stops else [THREAD])  # stop draws once more


def test_a_panel_that_cannot_be_drawn(redraw: RedrawThread, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bool:
        raise ValueError("no such widget")

    with caplog.at_level(logging.ERROR):
        redraw.add(broken)
        Panel(redraw).pauses(1)
        redraw.stop()
    assert [record.exc_info[1].args for record in caplog.records if record.exc_info] == [("no such widget",)]


def test_remove(redraw: RedrawThread) -> None:
    panel, other = Panel(redraw), Panel(redraw)
    panel.pauses(1)
    redraw.remove(panel.draw)
    drawn = len(panel.times)
    other.pauses(len(other.times) + 1)
    assert len(panel.times) == drawn
