"""The schedule, with a clock of numbers: intervals, and with queue and budget in a small simulation."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ds_ops_magic.polling.queue import PollQueue
from ds_ops_magic.polling.rate_limit import TokenBucket
from ds_ops_magic.polling.schedule import Schedule
from tests.benchmarks.simulator import Span, by_schedule, every, log_uniform, simulate


@pytest.mark.parametrize(
    ("age", "seconds"), [(-5.0, 0.25), (0.0, 0.25), (2.5, 0.25), (10.0, 1.0), (55.0, 5.5), (60.0, 5.5), (1e9, 5.5)]
)
def test_an_interval_is_a_share_of_the_age_within_bounds(age: float, seconds: float) -> None:
    assert Schedule().interval(age, 0.5) == pytest.approx(seconds)


def test_jitter_spreads_the_interval_to_both_sides() -> None:
    schedule = Schedule(jitter=0.2)
    assert [schedule.interval(10.0, chance) for chance in (0.0, 0.5, 1.0)] == pytest.approx([0.8, 1.0, 1.2])
    assert Schedule(jitter=0.0).interval(10.0, 0.0) == Schedule(jitter=0.0).interval(10.0, 1.0) == 1.0


def test_the_delay_is_a_small_share_for_few_calls() -> None:
    spans = log_uniform(150, 1.0, 6 * 3600.0)
    outcome, every_second = simulate(spans, by_schedule(Schedule())), simulate(spans, every(1.0))
    assert every_second.calls > 5 * outcome.calls
    assert outcome.mean_share < 0.05
    assert max(outcome.delays) <= 6.1


def test_past_the_budget_the_delay_grows_as_far_as_it_must() -> None:
    live, rate = 1000, 100.0
    outcome = simulate([Span(0.0, 60.0)] * live, by_schedule(Schedule()), rate)
    bound = live / (2 * rate)
    assert 0.99 * bound < outcome.mean_delay < 2 * bound
    assert outcome.calls <= rate * (60.0 + max(outcome.delays)) + rate / 4 + 1


def test_nobody_is_left_out_under_a_small_budget() -> None:
    schedule, queue, budget = Schedule(jitter=0.0), PollQueue(1), TokenBucket(20.0, 0.0)
    asked: dict[str, list[float]] = {f"o{number}": [] for number in range(100)}
    for operation_id in asked:
        queue.put(operation_id, 0.0)
    for now in (number * 0.05 for number in range(1200)):
        while queue.next_due(outage=False) <= now and budget.take(now):
            operation_id, missed = queue.take(now, outage=False)
            queue.ended(missed=missed)
            asked[operation_id].append(now)
            queue.put(operation_id, now + schedule.interval(now, 0.5))
    gaps = [later - earlier for times in asked.values() for earlier, later in pairwise(times)]
    assert max(gaps) < 2 * (100 / 20.0)
