"""The one table: what every gRPC code means, and how its refusal reads."""

from __future__ import annotations

import re

import grpc
import pytest

from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.grpc_codes import CODES, Meaning, OnCancel, OnGet, error_for, meaning_of, unavailable

RETRIED = Meaning(OnGet.RETRY, OnCancel.RETRY, errors.ServiceUnavailable)
REFUSED = Meaning(OnGet.FAIL, OnCancel.RAISE, errors.ServiceRefused)
Code = grpc.StatusCode
MEANINGS = {
    Code.UNAVAILABLE: RETRIED,
    Code.DEADLINE_EXCEEDED: RETRIED,
    Code.ABORTED: RETRIED,
    Code.INTERNAL: RETRIED,
    Code.CANCELLED: RETRIED,
    Code.RESOURCE_EXHAUSTED: Meaning(OnGet.BACK_OFF, OnCancel.RETRY, errors.ServiceUnavailable),
    Code.UNAUTHENTICATED: Meaning(OnGet.REFRESH, OnCancel.REFRESH, errors.AuthenticationError),
    Code.NOT_FOUND: Meaning(OnGet.FAIL, OnCancel.RAISE, errors.OperationNotFound),
    Code.PERMISSION_DENIED: Meaning(OnGet.FAIL, OnCancel.RAISE, errors.PermissionDenied),
    Code.INVALID_ARGUMENT: Meaning(OnGet.FAIL, OnCancel.RAISE, errors.InvalidOperationId),
    Code.UNKNOWN: Meaning(OnGet.RETRY_LIMITED, OnCancel.RAISE, errors.ServiceRefused),
    Code.UNIMPLEMENTED: Meaning(OnGet.FAIL, OnCancel.UNSUPPORTED, errors.ServiceRefused),
    Code.FAILED_PRECONDITION: Meaning(OnGet.FAIL, OnCancel.SETTLED, errors.ServiceRefused),
    # Not in the contract's table: nothing says that asking again would help.
    Code.ALREADY_EXISTS: REFUSED,
    Code.OUT_OF_RANGE: REFUSED,
    Code.DATA_LOSS: REFUSED,
}


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_what_every_code_means(code: grpc.StatusCode) -> None:
    assert meaning_of(code.name) == CODES[code.name] == MEANINGS[code]
    for doing in ("wait", "get", "cancel"):
        error = error_for(code.name, "its words", "op1", doing)
        unsupported = code is Code.UNIMPLEMENTED and doing == "cancel"
        assert type(error) is (errors.CancelNotSupported if unsupported else MEANINGS[code].error)
        assert error.args[1] == f"{code.name}: its words"
        assert getattr(error, "code", code.name) == code.name


def test_a_code_from_tomorrow_ends_the_wait() -> None:
    assert meaning_of("CODE_99") == REFUSED
    assert set(CODES) == {code.name for code in MEANINGS}


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (error_for("NOT_FOUND", "", "op1"), ["op1", "NOT_FOUND\n", "%op connect"]),
        (error_for("PERMISSION_DENIED", "", "op1"), ["op1: the service refused to answer", "role"]),
        (error_for("PERMISSION_DENIED", "", "op1", "cancel"), ["op1: the service refused to cancel it", "role"]),
        (error_for("INVALID_ARGUMENT", "too long", "op1"), ["op1 is no operation id", "too long\n", "Check the id"]),
        (error_for("UNIMPLEMENTED", "", "op1"), ["not an OperationService", "%op connect ENDPOINT"]),
        (error_for("UNIMPLEMENTED", "", "op1", "cancel"), ["cannot be cancelled", "goes on", "%op wait op1"]),
        (error_for("UNAUTHENTICATED", "", "op1", "get", "$TOKEN"), ["credentials from $TOKEN.\n", "%op get op1"]),
        (error_for("UNAUTHENTICATED", "", "op1"), ["refused the credentials.\n", "%op wait op1"]),
        (error_for("UNKNOWN", "it broke", "op1"), ["failed to answer", "UNKNOWN: it broke\n", "%op wait op1"]),
        (error_for("DATA_LOSS", "gone", "op1"), ["op1: the service refused to answer", "DATA_LOSS: gone\n", "%op get"]),
        (error_for("FAILED_PRECONDITION", " ", "op1", "cancel"), ["to cancel it", "FAILED_PRECONDITION\n", "%op get"]),
        (unavailable("tls", "host:1"), ["No answer from host:1.\n", "tls\n", "%op connect"]),
        (unavailable(" ", "host:1"), ["host:1", "silent"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_messages(error: OperationsError, parts: list[str]) -> None:
    assert re.search(".*".join(map(re.escape, parts)), str(error), re.DOTALL)
