"""What follows a failed call, and after how long, by numbers alone."""

from __future__ import annotations

import pytest

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import CODES
from ds_ops_magic.polling.failure import Action, Attempts, CallFailed, retry_delay

RETRIED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "CANCELLED", "RESOURCE_EXHAUSTED"}
UNREADABLE = UnreadableAnswer("its answer")
TOO_LARGE = CallFailed("RESOURCE_EXHAUSTED", "Received message larger than max (9 vs. 8)")


def after(attempts: Attempts, *codes: str, cancel: bool = False) -> list[Action]:
    return [attempts.after(CallFailed(code, "its message"), cancel=cancel) for code in codes]


@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("code", [*CODES, "NO_SUCH_CODE"])
def test_the_first_failure(code: str, cancel: bool) -> None:
    retried = code in RETRIED or (code == "UNKNOWN" and not cancel)
    expected = Action.RETRY if retried else Action.REFRESH if code == "UNAUTHENTICATED" else Action.FAIL
    assert after(Attempts(), code, cancel=cancel) == [expected]


def test_unknown_is_believed_the_fourth_time() -> None:
    attempts = Attempts()
    codes = ["UNKNOWN", "UNAVAILABLE", "UNKNOWN", "UNAVAILABLE", "UNKNOWN", "UNKNOWN"]
    assert after(attempts, *codes) == [Action.RETRY] * 5 + [Action.FAIL]


def test_credentials_are_refreshed_once() -> None:
    codes = ["UNAUTHENTICATED", "UNAVAILABLE", "UNAUTHENTICATED"]
    assert after(Attempts(), *codes) == [Action.REFRESH, Action.RETRY, Action.FAIL]


def test_other_codes_are_retried_without_end() -> None:
    attempts = Attempts()
    assert after(attempts, *["UNAVAILABLE"] * 1000) == [Action.RETRY] * 1000
    assert attempts.failures == 1000


def test_an_answer_makes_it_count_anew() -> None:
    attempts = Attempts()
    for _ in range(3):
        assert after(attempts, *["UNKNOWN"] * 3, "UNAUTHENTICATED") == [Action.RETRY] * 3 + [Action.REFRESH]
        attempts.note_answer()
    assert attempts == Attempts()


def test_what_cannot_be_read_is_asked_for_twice_more() -> None:
    attempts = Attempts()
    assert [attempts.after(UNREADABLE) for _ in range(2)] == [Action.RETRY] * 2
    assert attempts.delay_after(UNREADABLE, 0, 0.5) == pytest.approx(0.4)
    attempts.note_answer()  # bytes came, and they cannot be read again
    assert attempts.after(UNREADABLE) is Action.FAIL


def test_a_cancel_whose_answer_cannot_be_read_is_not_made_again() -> None:
    assert Attempts().after(UNREADABLE, cancel=True) is Action.FAIL


@pytest.mark.parametrize(
    ("failures", "service_failures", "retry_after", "seconds"),
    [
        (1, 1, None, 0.2),
        (3, 3, None, 0.8),
        (9, 9, None, 1.0),
        (9, 0, None, 0.2),  # while others are answered
        (1, 1, 0.05, 0.2),
        (1, 1, 60.0, 60.0),
    ],
)
def test_the_delay_after_a_failure(
    failures: int, service_failures: int, retry_after: float | None, seconds: float
) -> None:
    failed = CallFailed("UNAVAILABLE", "", retry_after)
    assert Attempts(failures).delay_after(failed, service_failures, 0.5) == pytest.approx(seconds)


def test_delays_double_up_to_a_second() -> None:
    middle = [retry_delay(failures, 0.5) for failures in (0, 1, 2, 3, 4, 5, 1000)]
    assert middle == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0])
    assert (retry_delay(9, 0.0), retry_delay(9, 1.0)) == (0.75, 1.25)
