"""Which error a group ends with, and what it says."""

from __future__ import annotations

from ds_ops_magic.model import wait_errors
from ds_ops_magic.model.errors import OperationsFailed
from ds_ops_magic.model.group_errors import group_error
from ds_ops_magic.model.grpc_codes import error_for, unavailable
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.outcome_errors import operation_failed
from tests.support.sample_errors import RUNNING, failed, group


def test_the_first_three_are_named() -> None:
    error = group("a", "b", "c", "d")
    quota = "RESOURCE_EXHAUSTED: no quota"
    assert error.args[:2] == ("4 of 5 operations failed.", f"a: {quota}; b: {quota}; c: {quota}; and 1 more")
    assert [found and found.id for found in error.operations] == ["a", "b", "c", "d", "op2"]
    assert list(error.errors) == ["a", "b", "c", "d"]


def test_which_error_is_chosen() -> None:
    operations: Operations[Operation | None] = Operations([failed(name="a"), RUNNING])
    a, b = operation_failed(failed(name="a")), error_for("NOT_FOUND", "", "op2")
    silent, stopped = unavailable("tls", "host:1"), wait_errors.stopped(["a"])
    assert group_error({"a": a}, operations, 1) is a
    assert group_error({"a": silent, "op2": silent}, operations, 2) is silent  # one cause, said once
    for several in ({"a": a}, {"a": a, "op2": b}, {"a": silent}, {"a": b, "op2": b}):
        chosen = group_error(several, operations, 2)
        assert isinstance(chosen, OperationsFailed)
        assert (chosen.errors, chosen.operations) == (several, operations)
    for several in ({"a": stopped}, {"a": a, "op2": stopped}, {"a": stopped, "op2": stopped}):
        # The rest was not waited for: no count is true.
        assert group_error(several, operations, 2) is stopped
