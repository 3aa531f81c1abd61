"""The table of gRPC codes, and the error of each."""

from __future__ import annotations

import re

import grpc
import pytest

from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.grpc_codes import CODES, OnCancel, OnGet, error_for, meaning_of, unavailable


@pytest.mark.parametrize("code", CODES)
def test_the_error_of_every_code(code: str) -> None:
    for doing in ("wait", "get", "cancel"):
        error = error_for(code, "its message", "op1", doing)
        unsupported = code == "UNIMPLEMENTED" and doing == "cancel"
        assert type(error) is (errors.CancelNotSupported if unsupported else CODES[code].error)
        assert error.args[1] == f"{code}: its message"
        assert getattr(error, "code", code) == code


def test_every_code_has_a_row_and_an_unknown_one_ends_the_wait() -> None:
    assert set(CODES) == {code.name for code in grpc.StatusCode} - {"OK"}
    assert meaning_of("CODE_99") == (OnGet.FAIL, OnCancel.RAISE, errors.ServiceRefused)


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
