"""A failed call: the wait that it asks for, what its code means, and what follows; by numbers alone."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import CODES, OnCancel, OnGet
from ds_ops_magic.polling.retry import LONGEST_RETRY, Action, Attempts, CallFailed, retry_after, retry_delay

RETRIED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "CANCELLED", "RESOURCE_EXHAUSTED"}
UNREADABLE = UnreadableAnswer("its answer")


def details(*messages: Any) -> bytes:
    status = Status(code=8, message="quota")
    for message in messages:
        status.details.add().Pack(message)
    return status.SerializeToString()


def asking(seconds: float) -> bytes:
    info = RetryInfo()
    info.retry_delay.FromTimedelta(timedelta(seconds=seconds))
    return details(Status(), info)


def with_trailers(*trailers: tuple[str, bytes]) -> Any:
    return SimpleNamespace(trailing_metadata=lambda: trailers or None)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, 0.0), (1.25, 1.25), (299.0, 299.0), (3600.0, LONGEST_RETRY), (300_000_000.0, LONGEST_RETRY), (-5.0, 0.0)],
)
def test_how_long_a_service_asks_to_wait(seconds: float, expected: float) -> None:
    error = with_trailers(("other", b"\xff"), ("grpc-status-details-bin", asking(seconds)))
    assert retry_after(error) == expected


@pytest.mark.parametrize("details", [b"\xff\xff", b"", details(), details(Status())])
def test_details_that_do_not_ask(details: bytes) -> None:
    for trailers in ([("grpc-status-details-bin", details)], [("other", asking(1.0))], []):
        assert retry_after(with_trailers(*trailers)) is None


def test_too_large_an_answer_is_no_exhausted_quota() -> None:
    quota = CallFailed("RESOURCE_EXHAUSTED", "no quota")
    large = CallFailed("RESOURCE_EXHAUSTED", "CLIENT: Received message larger than max (5 vs. 4)")
    assert (quota.is_over_the_limit, quota.on_get, quota.on_cancel) == (False, OnGet.BACK_OFF, OnCancel.RETRY)
    assert (large.is_over_the_limit, large.on_get, large.on_cancel) == (True, OnGet.FAIL, OnCancel.RAISE)
    assert str(quota) == "RESOURCE_EXHAUSTED: no quota"


def after(attempts: Attempts, *codes: str, cancel: bool = False) -> list[Action]:
    return [attempts.after(CallFailed(code, "its message"), cancel=cancel) for code in codes]


@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("code", [*CODES, "NO_SUCH_CODE"])
def test_the_first_failure(code: str, cancel: bool) -> None:
    retried = code in RETRIED or (code == "UNKNOWN" and not cancel)
    expected = Action.RETRY if retried else Action.REFRESH if code == "UNAUTHENTICATED" else Action.FAIL
    assert after(Attempts(), code, cancel=cancel) == [expected]


@pytest.mark.parametrize(
    ("codes", "failing", "failures"),
    [
        (["UNKNOWN", "UNAVAILABLE", "UNKNOWN", "UNAVAILABLE", "UNKNOWN", "UNKNOWN"], [Action.FAIL], 6),
        (["UNAVAILABLE", "UNAUTHENTICATED", "UNAVAILABLE", "UNAUTHENTICATED"], [Action.FAIL], 2),
        (["UNAVAILABLE"] * 1000, [], 1000),
    ],
)
def test_how_often_each_code_is_retried(codes: list[str], failing: list[Action], failures: int) -> None:
    attempts = Attempts()
    actions = [Action.REFRESH if code == "UNAUTHENTICATED" else Action.RETRY for code in codes]
    assert after(attempts, *codes) == actions[: len(codes) - len(failing)] + failing
    assert attempts.failures == failures


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
    assert Attempts().after(UNREADABLE, cancel=True) is Action.FAIL  # which has arrived


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
