"""How long it usually takes: what is said, what is not, and that it is said of the middle half."""

from __future__ import annotations

import math
import random

import pytest

from ds_ops_magic.model.estimates import MIN_RUNS, Durations

MINUTES = Durations(tuple(60.0 * minutes for minutes in (1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 9, 30)))


def test_fewer_than_three_runs_are_no_estimate() -> None:
    for number in range(MIN_RUNS):
        assert Durations((60.0,) * number).describe(0.0) == ""
    assert Durations((60.0,) * MIN_RUNS).describe(0.0) == "usually about 60 s (3 earlier runs)"


@pytest.mark.parametrize(
    ("age", "description"),
    [
        (0.0, "usually 2-4 min (12 earlier runs)"),  # the middle half
        (200.0, "usually 4-9 min (5 earlier runs that took this long)"),
        (600.0, "longer than usual: 2-4 min (12 earlier runs)"),
        (1e9, "longer than usual: 2-4 min (12 earlier runs)"),
    ],
)
def test_an_estimate_goes_by_the_runs_that_took_as_long(age: float, description: str) -> None:
    assert MINUTES.describe(age) == description


def test_longer_than() -> None:
    assert MINUTES.longer_than(0.0) == MINUTES
    assert MINUTES.longer_than(240.0).seconds == (540.0, 1800.0)
    assert MINUTES.longer_than(1e9).seconds == ()


def test_a_quantile_lies_between_runs_by_proportion() -> None:
    two = Durations((10.0, 20.0))
    assert [two.quantile(share) for share in (0.0, 0.25, 1.0)] == [10.0, 12.5, 20.0]
    assert Durations((5.0,)).quantile(0.75) == 5.0
    with pytest.raises(IndexError):
        Durations().quantile(0.5)


def test_half_of_later_runs_end_in_the_estimated_range() -> None:
    """Of runs that are drawn like the earlier ones, and have come as far, half end in the range that is said."""
    chance = random.Random(7)  # noqa: S311  # a test is to come out the same
    seen = Durations(tuple(sorted(chance.lognormvariate(4.0, 0.6) for _ in range(400))))
    later = [chance.lognormvariate(4.0, 0.6) for _ in range(4000)]
    for age in (0.0, 40.0, 90.0):
        known = seen.longer_than(age)
        came_so_far = [took for took in later if took > age]
        within = sum(known.quantile(0.25) <= took <= known.quantile(0.75) for took in came_so_far)
        assert within / len(came_so_far) == pytest.approx(0.5, abs=0.08)


def lengths(number: int, spread: float, seed: int = 3) -> Durations:
    """Draw runs of about a minute; their logarithms are spread so far."""
    chance = random.Random(seed)  # noqa: S311  # as above
    return Durations(tuple(sorted(60.0 * math.exp(spread * chance.gauss(0.0, 1.0)) for _ in range(number))))


def test_the_interval_is_short_where_the_end_is_likely_soon() -> None:
    minute = lengths(30, 0.2)
    assert minute.interval(5.0, 1.0) == pytest.approx(2.0)
    assert minute.interval(60.0, 1.0) == pytest.approx(0.5)
    assert minute.interval(1000.0, 5.0) == pytest.approx(5.0)  # past all earlier runs nothing is known


@pytest.mark.parametrize("few_or_alike", [Durations(), lengths(4, 0.2), lengths(50, 1.0)])
def test_too_few_runs_or_too_different_ones_change_nothing(few_or_alike: Durations) -> None:
    assert [few_or_alike.interval(age, 3.0) for age in (0.0, 5.0, 60.0, 1000.0)] == [3.0] * 4


def test_an_interval_changes_by_a_factor_of_two_at_most() -> None:
    for spread in (0.0, 0.1, 0.3, 0.5):
        for number in (5, 20, 100):
            known = lengths(number, spread)
            for age in (0.0, 0.1, 1.0, 30.0, 60.0, 90.0, 1e6):
                assert 0.5 <= known.interval(age, 1.0) <= 2.0
