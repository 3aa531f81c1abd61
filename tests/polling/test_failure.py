"""What a failed call said: the wait that it asks for, and what its code means."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from ds_ops_magic.model.grpc_codes import OnCancel, OnGet
from ds_ops_magic.polling.failure import LONGEST_RETRY, CallFailed, retry_after


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


@pytest.mark.parametrize("data", [b"\xff\xff", b"", details(), details(Status())])
def test_details_that_do_not_ask(data: bytes) -> None:
    assert retry_after(with_trailers(("grpc-status-details-bin", data))) is None


def test_no_details() -> None:
    assert retry_after(with_trailers()) is None
    assert retry_after(with_trailers(("other", asking(1.0)))) is None


def test_too_large_an_answer_is_no_exhausted_quota() -> None:
    quota = CallFailed("RESOURCE_EXHAUSTED", "no quota")
    large = CallFailed("RESOURCE_EXHAUSTED", "CLIENT: Received message larger than max (5 vs. 4)")
    assert (quota.is_over_the_limit, quota.on_get, quota.on_cancel) == (False, OnGet.BACK_OFF, OnCancel.RETRY)
    assert (large.is_over_the_limit, large.on_get, large.on_cancel) == (True, OnGet.FAIL, OnCancel.RAISE)
    assert str(quota) == "RESOURCE_EXHAUSTED: no quota"
