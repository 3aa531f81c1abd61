"""How long a call may take, and what is made of silence, by a clock of numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ds_ops_magic.polling.health import LONGEST_CALL, PROBE_TIMEOUT, OutageDetector


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def silence(clock: Clock, **calls: Any) -> tuple[OutageDetector, SimpleNamespace]:
    service = SimpleNamespace(**{"answered": True, "failures": 0, **calls})
    return OutageDetector(service, 2.0, clock), service


@pytest.mark.parametrize(
    ("failures", "in_doubt", "away", "seconds"),
    [
        (0, False, False, 7.0),
        (7, False, False, 7.0),
        (7, True, False, 7.0),
        (8, False, True, PROBE_TIMEOUT),
        (8, True, True, 7.0),
    ],
)
def test_eight_calls_in_a_row_make_an_outage(failures: int, in_doubt: bool, away: bool, seconds: float) -> None:
    found, _ = silence(Clock(), failures=failures)
    assert (found.is_away, found.never_answered) == (away, False)
    assert found.time_for_a_call(7.0, in_doubt=in_doubt) == seconds


def test_in_an_outage_the_next_call_has_twice_the_time_and_what_an_answer_took_others_get_too() -> None:
    found, service = silence(Clock(), failures=8)
    found.note_too_late(7.0)
    assert found.time_for_a_call(7.0, in_doubt=True) == 14.0
    found.note_too_late(14.0)
    assert found.time_for_a_call(7.0, in_doubt=True) == 28.0
    assert found.time_for_a_call(7.0, in_doubt=False) == PROBE_TIMEOUT
    for _ in range(9):
        found.note_too_late(found.time_for_a_call(7.0, in_doubt=True))
    assert found.time_for_a_call(7.0, in_doubt=True) == LONGEST_CALL
    service.failures = 0
    found.note_answer(25.0)
    assert found.time_for_a_call(7.0, in_doubt=False) == 50.0
    found.note_answer(0.1)
    found.note_too_late(7.0)  # of a part that hangs
    assert found.time_for_a_call(7.0, in_doubt=False) == 7.0


def test_who_never_answered_is_given_so_long_from_the_first_call_on() -> None:
    clock = Clock()
    found, service = silence(clock, answered=False)
    clock.now += 10.0
    assert not found.never_answered
    assert found.time_for_a_call(7.0, in_doubt=False) == 2.0
    clock.now += 1.5
    assert (found.time_for_a_call(7.0, in_doubt=True), found.never_answered) == (0.5, False)
    clock.now += 0.5
    assert (found.time_for_a_call(7.0, in_doubt=True), found.never_answered) == (0.1, True)
    found.begin()
    assert (found.never_answered, found.time_for_a_call(7.0, in_doubt=False)) == (False, 2.0)
    clock.now += 5.0
    service.answered = True
    assert not found.never_answered
