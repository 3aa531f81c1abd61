"""Whose turn it is: followed operations and single requests, under a budget that lasts and one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from ds_ops_magic.polling.rate_limit import TICK, Pace
from ds_ops_magic.polling.schedule import TokenBucket

T = TypeVar("T")


class Due:
    """Operations that are due at given times; it notes when each was asked about."""

    def __init__(self, *times: float) -> None:
        self.loop = asyncio.get_running_loop()
        self._times = [self.loop.time() + seconds for seconds in times]
        self.asked: list[float] = []

    def next_due(self) -> float | None:
        return self._times[0] if self._times else None

    def ask_next(self) -> None:
        self.asked.append(self.loop.time() - self._times.pop(0))


def paced(rate: float, work: Callable[[Callable[..., tuple[Pace, Due]]], Awaitable[T]]) -> T:
    """Run work with a way to make a pace over operations that are due in so many seconds."""

    async def main() -> T:
        def made(*times: float) -> tuple[Pace, Due]:
            due = Due(*times)
            return Pace(TokenBucket(rate, due.loop.time()), due), due

        return await asyncio.wait_for(work(made), 10)

    return asyncio.run(main())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_what_is_due_is_asked_at_once_and_what_is_not_when_it_is() -> None:
    async def work(made: Callable[..., tuple[Pace, Due]]) -> list[float]:
        pace, due = made(0.0, -1.0, 0.1)
        pace.spend()
        assert len(due.asked) == 2
        await until(lambda: len(due.asked) == 3)
        return due.asked

    assert paced(1000.0, work)[2] >= 0.0


def test_both_kinds_take_turns_while_both_want_some() -> None:
    async def work(made: Callable[..., tuple[Pace, Due]]) -> tuple[int, int]:
        pace, due = made(*[0.0] * 1000)
        singles = [pace.turn() for _ in range(1000)]
        asked, given = len(due.asked), sum(single.done() for single in singles)  # what was there to spend at first
        for _ in range(20):
            await asyncio.sleep(TICK)
        return len(due.asked) - asked, sum(single.done() for single in singles) - given

    followed, singles = paced(400.0, work)
    assert singles > 0
    assert abs(followed - singles) <= 1


@pytest.mark.parametrize("kind", ["followed", "single"])
def test_who_is_alone_has_the_whole_budget(kind: str) -> None:
    async def work(made: Callable[..., tuple[Pace, Due]]) -> int:
        pace, due = made(*[0.0] * 100 * (kind == "followed"))
        singles = [pace.turn() for _ in range(100 * (kind == "single"))]
        pace.spend()
        return len(due.asked) + sum(single.done() for single in singles)

    assert paced(400.0, work) == 100  # a quarter of a second's calls may go at once


def test_who_leaves_the_queue_takes_no_turn_from_the_others() -> None:
    async def work(made: Callable[..., tuple[Pace, Due]]) -> None:
        pace, _ = made()
        assert pace.turn().done()
        waiting = [pace.turn() for _ in range(50)]
        assert not any(turn.done() for turn in waiting)
        for turn in waiting[:-1]:
            turn.cancel()
        await waiting[-1]  # at one call a second; behind the others it would be the fiftieth

    paced(1.0, work)


def test_after_a_stop_nobody_is_asked() -> None:
    async def work(made: Callable[..., tuple[Pace, Due]]) -> None:
        pace, due = made(0.05)
        pace.spend()
        pace.stop()
        await asyncio.sleep(0.15)
        pace.spend()
        assert not pace.turn().done()
        assert due.asked == []

    paced(100.0, work)
