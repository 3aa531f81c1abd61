"""The schedule, with a clock of numbers: intervals, the agenda, the budget, and all of it in a small simulation."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from ds_ops_magic.polling.schedule import Agenda, Schedule, TokenBucket, retry_delay
from tests.benchmarks.simulator import Span, by_schedule, every, log_normal, log_uniform, simulate


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # a test wants the same numbers every time


@pytest.mark.parametrize(
    ("age", "seconds"), [(-5.0, 0.25), (0.0, 0.25), (2.5, 0.25), (10.0, 1.0), (55.0, 5.5), (60.0, 5.5), (1e9, 5.5)]
)
def test_an_interval_is_a_share_of_the_age_within_bounds(age: float, seconds: float) -> None:
    assert Schedule().interval(age, 0.5) == pytest.approx(seconds)


def test_jitter_spreads_the_interval_to_both_sides() -> None:
    schedule = Schedule(jitter=0.2)
    assert [schedule.interval(10.0, chance) for chance in (0.0, 0.5, 1.0)] == pytest.approx([0.8, 1.0, 1.2])
    assert Schedule(jitter=0.0).interval(10.0, 0.0) == Schedule(jitter=0.0).interval(10.0, 1.0) == 1.0


def test_retries_double_up_to_a_second() -> None:
    middle = [retry_delay(failures, 0.5) for failures in (0, 1, 2, 3, 4, 5, 1000)]
    assert middle == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0])
    assert (retry_delay(9, 0.0), retry_delay(9, 1.0)) == (0.75, 1.25)


def popped(agenda: Agenda) -> list[str]:
    return [agenda.pop() for _ in range(len(agenda))]


def test_what_is_due_first_comes_out_first() -> None:
    agenda = Agenda()
    for name, due in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("a2", 1.0)):
        agenda.put(name, due)
    assert (len(agenda), agenda.next_due()) == (4, 1.0)
    assert popped(agenda) == ["a", "a2", "b", "c"]  # of those due at one time the first put
    assert (len(agenda), agenda.next_due()) == (0, None)


def test_an_id_stands_once_and_the_last_word_counts() -> None:
    agenda = Agenda()
    agenda.put("a", 1.0)
    agenda.put("b", 2.0)
    agenda.put("a", 3.0)
    assert (len(agenda), agenda.next_due()) == (2, 2.0)
    agenda.put("a", 0.5)
    assert popped(agenda) == ["a", "b"]


def test_what_is_dropped_does_not_come_out() -> None:
    agenda = Agenda()
    agenda.put("a", 1.0)
    agenda.put("b", 2.0)
    agenda.drop("a")
    agenda.drop("a")
    agenda.drop("never there")
    assert (len(agenda), agenda.next_due()) == (1, 2.0)
    agenda.put("a", 5.0)  # the dropped entry must not come back with it
    assert (agenda.next_due(), popped(agenda)) == (2.0, ["b", "a"])


def test_an_empty_agenda_has_nothing_to_give() -> None:
    agenda = Agenda()
    with pytest.raises(IndexError):
        agenda.pop()
    agenda.put("a", 1.0)
    agenda.drop("a")
    with pytest.raises(IndexError):
        agenda.pop()


def test_the_agenda_agrees_with_a_sorted_list() -> None:
    chance, agenda, expected = seeded(7), Agenda(), {}
    for step in range(3000):
        name, due = f"o{chance.randrange(200)}", chance.random()
        expected.pop(name, None)
        if chance.random() < 0.7:
            agenda.put(name, due)
            expected[name] = (due, step)
        else:
            agenda.drop(name)
    assert len(agenda) == len(expected)
    assert popped(agenda) == sorted(expected, key=lambda name: expected[name])


def spend(budget: TokenBucket, start: float, seconds: float, step: float = 0.005) -> list[float]:
    """Take every call that the budget gives, as an poller with no end of work would."""
    times = [start + number * step for number in range(int(seconds / step))]
    return [now for now in times for _ in range(1000) if budget.take(now)]


def test_no_second_has_more_calls_than_the_rate_and_one_burst() -> None:
    calls = spend(TokenBucket(200.0, 0.0), 0.0, 5.0)
    assert 200 * 5 <= len(calls) <= 200 * 5 + 50
    assert max(sum(start <= now < start + 1.0 for now in calls) for start in calls) <= 250
    assert sum(now == 0.0 for now in calls) == 50  # what one tick may spend at most


def test_idle_time_is_not_saved_up() -> None:
    budget = TokenBucket(200.0, 0.0)
    spend(budget, 0.0, 1.0)
    assert sum(now == 1000.0 for now in spend(budget, 1000.0, 0.005)) == 50


def test_a_slow_budget_gives_a_call_at_a_time() -> None:
    budget = TokenBucket(0.5, 0.0)
    assert (budget.take(0.0), budget.take(0.0), budget.ready_at(0.0)) == (True, False, 2.0)
    assert (budget.take(1.99), budget.take(2.0)) == (False, True)
    assert budget.ready_at(1e6) == 1e6


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_of_nothing_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0 calls a second"):
        TokenBucket(rate, 0.0)


def test_a_call_can_be_spent_when_it_is_said_to_be_ready() -> None:
    chance, budget, now = seeded(3), TokenBucket(100.0, 0.0), 0.0
    for _ in range(2000):
        if chance.random() < 0.01:
            budget.slow_down(now, chance.random() if chance.random() < 0.5 else None)
        if not budget.take(now):
            ready = budget.ready_at(now)
            assert now < ready < now + 1.5
            now = ready + 1e-9
            assert budget.take(now)


@pytest.mark.parametrize(("wish", "stop"), [(59.0, 59.0), (61.0, 60.0), (31_536_000.0, 60.0)])
def test_no_answer_about_one_operation_stops_all_for_longer_than_a_minute(wish: float, stop: float) -> None:
    budget = TokenBucket(100.0, 0.0)
    budget.slow_down(10.0, wish)
    assert budget.blocked_for(10.0) == stop
    assert not budget.take(10.0 + stop - 0.1)
    assert budget.take(10.0 + stop)


def test_being_told_to_slow_down_halves_the_rate_and_a_minute_brings_it_back() -> None:
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
    budget.slow_down(2.0, 0.5)  # a shorter wish does not undo a longer one
    assert budget.ready_at(2.0) == 4.0
    calls = spend(budget, 1.0, 5.0)
    assert calls
    assert calls[0] >= 4.0


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


def test_in_a_burst_the_delay_is_near_what_the_budget_forces_on_anybody() -> None:
    outcome = simulate(log_normal(1000, 60.0, seed=1), by_schedule(Schedule()), 50.0)
    assert outcome.mean_delay < 1.3 * outcome.bound


def test_nobody_is_left_out_under_a_small_budget() -> None:
    schedule, agenda, budget = Schedule(jitter=0.0), Agenda(), TokenBucket(20.0, 0.0)
    asked: dict[str, list[float]] = {f"o{number}": [] for number in range(100)}
    for name in asked:
        agenda.put(name, 0.0)
    for now in (number * 0.05 for number in range(1200)):
        while agenda.next_due() <= now and budget.take(now):
            name = agenda.pop()
            asked[name].append(now)
            agenda.put(name, now + schedule.interval(now, 0.5))
    gaps = [later - earlier for times in asked.values() for earlier, later in pairwise(times)]
    assert max(gaps) < 2 * (100 / 20.0)
