"""How long it usually takes: what is said, what is not, and that it is said of the middle half."""

from __future__ import annotations

import random

import pytest

from ds_ops_magic.durations import LEAST, Durations

MINUTES = Durations(tuple(60.0 * minutes for minutes in (1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 9, 30)))


def test_below_three_runs_nothing_is_said() -> None:
    for number in range(LEAST):
        assert Durations((60.0,) * number).words(0.0) == ""
    assert Durations((60.0,) * LEAST).words(0.0) == "usually about 60 s (3 earlier runs)"


def test_the_middle_half_of_the_runs() -> None:
    assert MINUTES.words(0.0) == "usually 2-4 min (12 earlier runs)"


def test_what_has_run_for_long_is_compared_with_what_took_as_long() -> None:
    assert MINUTES.words(200.0) == "usually 4-9 min (5 earlier runs that took this long)"
    assert MINUTES.words(600.0) == "longer than usual: 2-4 min (12 earlier runs)"
    assert MINUTES.words(1e9) == "longer than usual: 2-4 min (12 earlier runs)"


def test_runs_that_ended_sooner_say_nothing_about_one_that_goes_on() -> None:
    assert MINUTES.longer_than(0.0) == MINUTES
    assert MINUTES.longer_than(240.0).seconds == (540.0, 1800.0)
    assert MINUTES.longer_than(1e9).seconds == ()


def test_a_quantile_lies_between_runs_by_proportion() -> None:
    two = Durations((10.0, 20.0))
    assert [two.at(share) for share in (0.0, 0.25, 1.0)] == [10.0, 12.5, 20.0]
    assert Durations((5.0,)).at(0.75) == 5.0
    with pytest.raises(IndexError):
        Durations().at(0.5)


def test_the_estimate_holds_for_what_it_is_said_of() -> None:
    """Of runs that are drawn like the earlier ones, and have come as far, half end in the range that is said."""
    chance = random.Random(7)  # noqa: S311  # a test is to come out the same
    seen = Durations(tuple(sorted(chance.lognormvariate(4.0, 0.6) for _ in range(400))))
    later = [chance.lognormvariate(4.0, 0.6) for _ in range(4000)]
    for age in (0.0, 40.0, 90.0):
        known = seen.longer_than(age)
        came_so_far = [took for took in later if took > age]
        within = sum(known.at(0.25) <= took <= known.at(0.75) for took in came_so_far)
        assert within / len(came_so_far) == pytest.approx(0.5, abs=0.08)
