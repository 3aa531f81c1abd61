"""The background loop: work gets in from any thread, results and errors get out, and closing leaves nothing."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ds_ops_magic.model.errors import WatchStopped
from ds_ops_magic.polling.loop import BackgroundLoop
from tests.support.following import lasting, until

NAME = "a loop under test"


def nothing() -> None:
    pass


async def nothing_async() -> None:
    pass


@contextmanager
def running(setup: Callable[[], None] = nothing) -> Iterator[BackgroundLoop]:
    background = BackgroundLoop(NAME, setup, nothing_async)
    background.start()
    try:
        yield background
    finally:
        background.close()
        until(lambda: NAME not in [thread.name for thread in threading.enumerate()])


def test_what_the_setup_raises_is_raised_by_start() -> None:
    def setup() -> None:
        raise OSError("no channel")

    with pytest.raises(OSError, match="no channel"):
        BackgroundLoop(NAME, setup, nothing_async).start()
    until(lambda: NAME not in [thread.name for thread in threading.enumerate()])


def test_closing_ends_what_is_under_way_with_watch_stopped() -> None:
    with running() as background:
        waiting = [background.run(lambda: asyncio.sleep(60)) for _ in range(10)]
        with lasting(0.0, 1.0):
            background.close()
        for future in waiting:
            with pytest.raises(WatchStopped, match="client is closed"):
                future.result(5)
        with pytest.raises(WatchStopped, match="client is closed"):
            background.soon(nothing)
        with pytest.raises(WatchStopped, match="client is closed"):
            background.run(nothing_async)
        background.close()  # again is no error


def test_every_task_has_ended_when_the_teardown_comes() -> None:
    ended: list[str] = []

    async def first() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            background.spawn(second)  # a task that is cancelled may start another
            await asyncio.sleep(0)
            ended.append("first ended")

    async def second() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("second ended")

    async def teardown() -> None:
        ended.append("teardown")

    background = BackgroundLoop(NAME, lambda: ended.append("setup"), teardown)
    background.start()
    background.soon(lambda: background.spawn(first))
    background.run(nothing_async).result(5)
    with lasting(0.0, 1.0):
        background.close()
    assert ended == ["setup", "first ended", "second ended", "teardown"]


def test_it_can_be_closed_from_inside() -> None:
    with running() as background:
        assert not background.is_current()
        background.soon(background.close)
        until(lambda: NAME not in [thread.name for thread in threading.enumerate()])


def test_a_task_that_fails_is_logged_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("a fault")

    with running() as background, caplog.at_level(logging.ERROR):
        background.soon(lambda: background.spawn(fail))
        until(lambda: "a fault" in caplog.text)
        assert background.run(lambda: asyncio.sleep(0, "alive")).result(5) == "alive"
    assert NAME in caplog.text


def test_a_result_that_nobody_wants_any_more_cancels_its_work() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with running() as background:
        under_way = background.run(work)
        until(begun.is_set)
        assert under_way.cancel()
        until(ended.is_set)
        begun.clear()
        blocking = threading.Event()
        background.soon(blocking.wait, 5)
        assert background.run(work).cancel()
        blocking.set()
        assert background.run(lambda: asyncio.sleep(0, "alive")).result(5) == "alive"
        assert not begun.is_set()  # what had not begun never does
        answered = background.run(nothing_async)
        answered.result(5)
        assert not answered.cancel()
