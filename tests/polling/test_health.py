"""Whether the service is up, and how long a call may take, by a clock of numbers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ds_ops_magic.model.view import Health
from ds_ops_magic.polling.health import LONGEST_CALL, OUTAGE, PROBE_TIMEOUT, REQUEST_TIMEOUT, OutageDetector
from ds_ops_magic.polling.retry import CallFailed


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(found: OutageDetector, times: int, code: str = "UNAVAILABLE", given: float = 5.0) -> None:
    for _ in range(times):
        found.note_failure(CallFailed(code, "its message"), given)


def detector(clock: Clock | None = None, *, answered: bool = True, failures: int = 0) -> OutageDetector:
    found = OutageDetector(2.0, clock or Clock())
    if answered:
        found.note_answer(0.0)
    fail(found, failures)
    return found


@pytest.mark.parametrize(
    ("failures", "missed", "away", "seconds"),
    [
        (0, False, False, 7.0),
        (7, False, False, 7.0),
        (7, True, False, 7.0),
        (8, False, True, PROBE_TIMEOUT),
        (8, True, True, 7.0),
    ],
)
def test_eight_calls_in_a_row_make_an_outage(failures: int, missed: bool, away: bool, seconds: float) -> None:
    found = detector(failures=failures)
    assert (found.is_away, found.never_answered) == (away, False)
    assert found.call_timeout(7.0, missed=missed) == seconds


def test_slow_answers_and_outages_give_calls_more_time() -> None:
    found = detector(failures=8)
    fail(found, 1, "DEADLINE_EXCEEDED", 7.0)
    assert found.call_timeout(7.0, missed=True) == 14.0
    fail(found, 1, "UNAVAILABLE", 50.0)  # which was not for lack of time
    fail(found, 1, "DEADLINE_EXCEEDED", 14.0)
    assert found.call_timeout(7.0, missed=True) == 28.0
    assert found.call_timeout(7.0, missed=False) == PROBE_TIMEOUT
    for _ in range(9):
        fail(found, 1, "DEADLINE_EXCEEDED", found.call_timeout(7.0, missed=True))
    assert found.call_timeout(7.0, missed=True) == LONGEST_CALL
    found.note_answer(25.0)
    assert found.call_timeout(7.0, missed=False) == 50.0
    found.note_answer(0.1)
    fail(found, 1, "DEADLINE_EXCEEDED", 7.0)  # of a part that hangs
    assert found.call_timeout(7.0, missed=False) == 7.0


def test_the_connect_timeout_runs_from_the_first_call() -> None:
    clock = Clock()
    found = detector(clock, answered=False)
    clock.now += 10.0
    assert not found.never_answered
    assert found.call_timeout(7.0, missed=False) == 2.0
    clock.now += 1.5
    assert (found.call_timeout(7.0, missed=True), found.never_answered) == (0.5, False)
    clock.now += 0.5
    assert (found.call_timeout(7.0, missed=True), found.never_answered) == (0.1, True)
    found.restart()
    assert (found.never_answered, found.call_timeout(7.0, missed=False)) == (False, 2.0)
    clock.now += 5.0
    found.note_answer(0.1)
    assert not found.never_answered


def test_health_tells_silence_from_refusals() -> None:
    clock = Clock()
    found = detector(clock, answered=False)
    assert found.current == Health()
    course = ["NOT_FOUND", "UNAVAILABLE", "DEADLINE_EXCEEDED", "", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"]
    seen = []
    for code in course:
        fail(found, 1, code) if code else found.note_answer(0.1)
        clock.now += 1.0
        health = found.current
        assert found.answered  # a refusal is an answer too
        assert (health.silent_for is None) == (health.last_status is None)
        seen.append((found.failures, health.silent_for, (health.last_status or "").removesuffix(": its message")))
    assert seen == [
        (0, None, ""),
        (1, 1.0, "UNAVAILABLE"),
        (2, 2.0, "DEADLINE_EXCEEDED"),
        (0, None, ""),
        (1, 1.0, "RESOURCE_EXHAUSTED"),
        (2, 2.0, "INTERNAL"),
        (0, None, ""),
    ]
    last = found.current.last_answer
    assert last is not None
    assert timedelta(0) <= datetime.now(timezone.utc) - last < timedelta(seconds=5)


@pytest.mark.parametrize(("code", "answered"), [("UNAVAILABLE", False), ("RESOURCE_EXHAUSTED", True)])
def test_a_service_without_quota_is_there(code: str, answered: bool) -> None:
    found = detector(answered=False)
    fail(found, 1, code)
    assert (found.answered, found.current.last_status) == (answered, f"{code}: its message")


def test_calls_wait_for_a_connection_once_two_have_said_what_is_wrong() -> None:
    waits = [detector(failures=failures).should_wait_for_connection for failures in range(4)]
    assert waits == [False, False, True, True]
    assert not detector(answered=False, failures=4).should_wait_for_connection
    found = detector(failures=4)
    found.waiting_calls = OUTAGE
    assert not found.should_wait_for_connection


@pytest.mark.parametrize(("answered", "seconds"), [(True, REQUEST_TIMEOUT), (False, 2.0)])
def test_a_request_is_given_up_after_its_timeout_of_silence(answered: bool, seconds: float) -> None:
    clock = Clock()
    found = detector(clock, answered=answered)
    assert found.request_timeout == seconds
    clock.now += 50.0
    assert not found.was_silent_since(0.0)  # nothing was asked
    fail(found, 1)
    made = clock.now - 1.0
    clock.now += seconds - 0.5
    assert not found.was_silent_since(made)  # it was made long enough ago, and the silence is shorter
    clock.now += 0.5
    assert found.was_silent_since(made)
    assert not found.was_silent_since(clock.now - 1.0)
