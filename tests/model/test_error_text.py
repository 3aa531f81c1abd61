"""What waits and requests end with: the words of each error, and which one a group ends with."""

from __future__ import annotations

import re
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import operation_failed
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from tests.support.sample_errors import RUNNING, failed, group

INFO = ErrorInfo(reason="Q")


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            operation_failed(failed()),
            ["Operation op1 (train) failed.\n", "RESOURCE_EXHAUSTED: no quota\n", "%op get op1"],
        ),
        (operation_failed(failed(8, "no", INFO, BadRequest())), [": no (reason Q)\n"]),
        (operation_failed(failed(description="d" * 256)), ["op1 (" + "d" * 79 + "…) failed"]),
        (operation_failed(failed(5, " ", description="")), ["Operation op1 failed.\n", "NOT_FOUND\n", "%op get op1"]),
        (operation_failed(failed(1, "by user")), ["Operation op1 (train) was cancelled.\n", "CANCELLED: by user\n"]),
        (operation_failed(failed(99)), ["failed", "CODE_99: no quota"]),
        (errors.not_cancelled(failed(name="op9")), ["op9 was not cancelled", "succeeded before", "%op get op9"]),
        (errors.unavailable("tls", "host:1"), ["No answer from host:1.\n", "tls\n", "%op connect"]),
        (errors.unavailable(" ", "host:1"), ["host:1", "silent"]),
        (errors.unreadable("op1", 1, "cut"), ["op1: the answer of 1 byte cannot be read: cut.\n", "%op get op1"]),
        (errors.unreadable("op1", None, "cut"), ["op1: the answer cannot be read: cut.\n", "%op get op1"]),
        (errors.interrupted(["a"]), ["the operation goes on", "%op wait a\n", "%op cancel a"]),
        (errors.interrupted(list("abc")), ["3 operations go on", "%op wait a b c\n", "%op cancel a b c"]),
        (errors.interrupted([]), ["every operation had already ended"]),
        (errors.stopped(["a"]), ["stopped before the end", "the operation goes on", "%op wait a"]),
        (errors.stopped(list("abcd")), ["stopped before the end", "4 operations go on", "%op wait with their ids"]),
        (errors.stopped([]), ["stopped before the end", "the operations go on", "%op wait with their ids"]),
        (errors.not_watched(["a"]), ["This watch does not follow a.", "%op cancel a"]),
        (errors.not_watched(list("abcd")), ["not follow a, b, c and 1 more.", "%op cancel with their ids"]),
        (errors.closed(), ["This client is closed", "go on", "connect() makes another", "%op connect"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_words(error: Any, parts: list[str]) -> None:
    assert re.search(".*".join(map(re.escape, parts)), str(error), re.DOTALL)


def test_the_operation_and_its_status_come_along() -> None:
    operation = failed()
    error = operation_failed(operation)
    assert (error.operation, error.status) == (operation, operation.error)
    went_through = Operation(OperationMessage(id="op1", done=True))
    assert errors.not_cancelled(went_through).operation is went_through


def test_an_operation_without_an_error_did_not_fail() -> None:
    with pytest.raises(ValueError, match="has no error"):
        operation_failed(RUNNING)


def test_several_failures_name_the_first_three() -> None:
    error = group("a", "b", "c", "d")
    said = "RESOURCE_EXHAUSTED: no quota"
    assert error.args[:2] == ("4 of 5 operations failed.", f"a: {said}; b: {said}; c: {said}; and 1 more")
    assert [found and found.id for found in error.operations] == ["a", "b", "c", "d", "op2"]
    assert list(error.errors) == ["a", "b", "c", "d"]


def test_one_error_is_chosen_for_a_group() -> None:
    operations: Operations[Operation | None] = Operations([failed(name="a"), RUNNING])
    a, b = operation_failed(failed(name="a")), error_for("NOT_FOUND", "", "op2")
    silent, stopped = errors.unavailable("tls", "host:1"), errors.stopped(["a"])
    assert errors.group_error({"a": a}, operations, 1) is a
    assert errors.group_error({"a": silent, "op2": silent}, operations, 2) is silent  # one cause, said once
    for several in ({"a": a}, {"a": a, "op2": b}, {"a": silent}, {"a": b, "op2": b}):
        chosen = errors.group_error(several, operations, 2)
        assert isinstance(chosen, errors.OperationsFailed)
        assert (chosen.errors, chosen.operations) == (several, operations)
    for several in ({"a": stopped}, {"a": a, "op2": stopped}, {"a": stopped, "op2": stopped}):
        assert errors.group_error(several, operations, 2) is stopped  # the rest was not waited for: no count is true


def test_a_timeout_tells_done_from_not_done() -> None:
    operations = Operations([failed(), RUNNING, None])
    error = errors.timed_out(["op2", "op3"], operations, 600, "UNAVAILABLE: reset")
    assert error.args == (
        "Stopped waiting after 10 min 00 s: 2 of 3 operations are not done. Nothing was cancelled.",
        "The service does not answer: UNAVAILABLE: reset",
        "To go on waiting: %op wait op2 op3",
    )
    assert (error.operations, error.last_status) == (operations, "UNAVAILABLE: reset")
    assert (error.errno, error.strerror, error.filename) == (None, None, None)
    alone = errors.timed_out(["op2"], Operations([RUNNING]), 5, None)
    assert str(alone).startswith("Stopped waiting after 5.0 s: the operation is not done.")
    assert (len(alone.args), alone.last_status) == (2, None)
    once = errors.timed_out(["op2"], Operations([RUNNING]), 0, None)
    assert str(once).startswith("Asked once: the operation is not done. Nothing was cancelled.")


def test_a_command_for_many_ids_names_none_that_would_be_left_out() -> None:
    many = list("abcdefgh")
    waited = errors.timed_out(many, Operations([None] * 9), 5, None)
    assert "8 of 9 operations are not done" in str(waited)
    assert waited.args[-1] == "To go on waiting: %op wait with their ids or a variable that holds them"
    interrupted = errors.interrupted(many)
    assert interrupted.args == (
        "Stopped waiting; 8 operations go on.",
        "To go on waiting: %op wait with their ids or a variable that holds them",
        "To cancel: %op cancel with their ids or a variable that holds them",
    )
