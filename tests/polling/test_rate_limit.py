"""How fast calls are made at most, by numbers; and whose turn it is, on an event loop."""

from __future__ import annotations

import asyncio
import random

import pytest

from ds_ops_magic.polling.rate_limit import TICK, Caller, RateLimiter, TokenBucket
from tests.support.calling import on_a_loop


def spend(budget: TokenBucket, start: float, seconds: float, step: float = 0.005) -> list[float]:
    """Take every call that the budget gives, as a poller with no end of work would."""
    times = [start + number * step for number in range(int(seconds / step))]
    return [now for now in times for _ in range(1000) if budget.take(now)]


def test_no_second_has_more_calls_than_rate_and_burst() -> None:
    budget = TokenBucket(200.0, 0.0)
    calls = spend(budget, 0.0, 5.0)
    assert 200 * 5 <= len(calls) <= 200 * 5 + 50
    assert max(sum(start <= now < start + 1.0 for now in calls) for start in calls) <= 250
    assert sum(now == 0.0 for now in calls) == 50  # what one tick may spend at most
    assert sum(now == 1000.0 for now in spend(budget, 1000.0, 0.005)) == 50  # idle time is not saved up


def test_a_slow_budget_gives_a_call_at_a_time() -> None:
    budget = TokenBucket(0.5, 0.0)
    assert (budget.take(0.0), budget.take(0.0), budget.ready_at(0.0)) == (True, False, 2.0)
    assert (budget.take(1.99), budget.take(2.0)) == (False, True)
    assert budget.ready_at(1e6) == 1e6


def test_a_call_can_be_spent_when_it_is_said_to_be_ready() -> None:
    chance = random.Random(3)  # noqa: S311  # a test wants the same numbers every time
    budget, now = TokenBucket(100.0, 0.0), 0.0
    for _ in range(2000):
        if chance.random() < 0.01:
            budget.slow_down(now, chance.random() if chance.random() < 0.5 else None)
        if not budget.take(now):
            ready = budget.ready_at(now)
            assert now < ready < now + 1.5
            now = ready + 1e-9
            assert budget.take(now)


@pytest.mark.parametrize(("wanted", "stop"), [(59.0, 59.0), (61.0, 60.0), (31_536_000.0, 60.0)])
def test_no_answer_stops_all_calls_for_longer_than_a_minute(wanted: float, stop: float) -> None:
    budget = TokenBucket(100.0, 0.0)
    budget.slow_down(10.0, wanted)
    assert budget.blocked_for(10.0) == stop
    assert not budget.take(10.0 + stop - 0.1)
    assert budget.take(10.0 + stop)


def test_slowing_down_halves_the_rate_for_a_minute() -> None:
    budget = TokenBucket(200.0, 0.0)
    budget.slow_down(10.0)
    assert budget.rate(10.0) == 100.0
    assert len(spend(budget, 10.0, 1.0)) <= 104  # a hundred, the first that is there, and a second of recovery
    assert (budget.rate(25.0), budget.rate(40.0), budget.rate(1e6)) == (150.0, 200.0, 200.0)
    budget.slow_down(1e6)
    budget.slow_down(1e6)
    assert budget.rate(1e6) == 50.0


def test_a_rate_never_stops_for_good() -> None:
    budget = TokenBucket(200.0, 0.0)
    for _ in range(100):
        budget.slow_down(0.0)
    assert budget.rate(0.0) == TokenBucket.LEAST
    assert spend(budget, 0.0, 2.0)
    slow = TokenBucket(0.1, 0.0)
    slow.slow_down(0.0)
    assert slow.rate(0.0) == 0.1  # nor is it raised by being lowered


def test_no_call_is_made_for_as_long_as_the_service_asked() -> None:
    budget = TokenBucket(200.0, 0.0)
    budget.slow_down(1.0, 3.0)
    assert budget.ready_at(1.0) == 4.0
    budget.slow_down(2.0, 0.5)  # a shorter wanted does not undo a longer one
    assert budget.ready_at(2.0) == 4.0
    calls = spend(budget, 1.0, 5.0)
    assert calls
    assert calls[0] >= 4.0


def all_of(limiter: RateLimiter, caller: Caller) -> int:
    """Take all the calls that there are now."""
    return sum(iter(lambda: limiter.acquire_nowait(caller), False))


@on_a_loop
async def test_a_budget_that_has_run_out_is_spent_again_after_a_tick() -> None:
    limiter = RateLimiter(400.0)
    loop = asyncio.get_running_loop()
    all_of(limiter, Caller.TRACKER)
    began = loop.time()
    await asyncio.sleep(TICK / 3)
    # Though there is a call by now; a busy machine may have slept for the whole tick.
    assert not limiter.acquire_nowait(Caller.TRACKER) or loop.time() - began >= TICK
    await limiter.acquire(Caller.TRACKER)
    assert loop.time() - began >= TICK * 0.99
    assert all_of(limiter, Caller.TRACKER) >= 400 * TICK - 2


@on_a_loop
async def test_both_callers_take_turns_while_both_wait() -> None:
    limiter, made = RateLimiter(400.0), dict.fromkeys(Caller, 0)

    async def call(caller: Caller) -> None:
        while True:
            await limiter.acquire(caller)
            made[caller] += 1

    all_of(limiter, Caller.TRACKER)
    callers = [Caller.REQUEST] * 16 + [Caller.TRACKER]  # many of one, and one of the other
    tasks = [asyncio.create_task(call(caller)) for caller in callers]
    for _ in range(20):
        await asyncio.sleep(TICK)
    for task in tasks:
        task.cancel()
    assert made[Caller.REQUEST] > 50
    assert abs(made[Caller.REQUEST] - made[Caller.TRACKER]) <= 1


@on_a_loop
async def test_turns_are_taken_at_a_call_a_tick_too() -> None:
    limiter, made = RateLimiter(15.0), []

    async def call(caller: Caller) -> None:
        await limiter.acquire(caller)
        made.append(caller)

    all_of(limiter, Caller.REQUEST)
    await asyncio.gather(*(call(caller) for caller in Caller for _ in range(4)))
    assert made == [Caller.TRACKER, Caller.REQUEST] * 4


@on_a_loop
async def test_who_leaves_the_queue_takes_no_turn_from_the_others() -> None:
    limiter = RateLimiter(1.0)
    await limiter.acquire(Caller.REQUEST)
    waiting = [asyncio.create_task(limiter.acquire(Caller.REQUEST)) for _ in range(50)]
    await asyncio.sleep(0)
    assert not any(turn.done() for turn in waiting)
    for turn in waiting[:-1]:
        turn.cancel()
    await asyncio.wait_for(waiting[-1], 10)  # at one call a second; behind the others it would be the fiftieth


@on_a_loop
async def test_a_call_that_comes_too_late_is_given_back() -> None:
    limiter = RateLimiter(0.001)
    await limiter.acquire(Caller.REQUEST)
    waiting = asyncio.create_task(limiter.acquire(Caller.REQUEST))
    await asyncio.sleep(0)
    limiter.give_back()
    limiter._give_turns()
    waiting.cancel()  # in the turn of the loop in which it is given a call
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert limiter.acquire_nowait(Caller.TRACKER)
