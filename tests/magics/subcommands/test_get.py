"""%op get: what it returns, what it assigns, and what it asks about without a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic import (
    Operation,
    OperationNotFound,
    Operations,
    OperationsFailed,
    Status,
)

Op = Callable[..., Any]


def test_one_or_several(op: Op, begin: Op, shell: Any) -> None:
    first, second = begin(30), begin(0)
    one = op(f"get {first}")
    assert isinstance(one, Operation)
    assert (one.id, one.status) == (first, Status.RUNNING)
    several = op(f"get {first} {second} {first}")
    assert isinstance(several, Operations)
    assert [found.id for found in several] == [first, second, first]
    shell.user_ns["jobs"] = [second]
    assert [found.id for found in op("get jobs")] == [second]


def test_without_a_target_the_last_one(op: Op, begin: Op) -> None:
    first, second = begin(0), begin(0)
    op(f"get {first}")
    assert op("wait").id == first
    op(f"wait {first} {second}")
    assert [found.id for found in op("get")] == [first, second]


@pytest.mark.parametrize("subcommand", ["get", "wait"])
def test_no_last_one(op: Op, subcommand: str) -> None:
    with pytest.raises(UsageError, match="name an operation; there is no last one yet"):
        op(subcommand)


def test_what_was_answered_is_assigned_before_the_error(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["x"] = shell.user_ns["y"] = "from before"
    with pytest.raises(OperationNotFound):
        op("get nowhere -o x")
    assert shell.user_ns["x"] is None
    known = begin(0)
    with pytest.raises(OperationsFailed):
        op(f"get {known} nowhere -o y")
    assert [found and found.id for found in shell.user_ns["y"]] == [known, None]
