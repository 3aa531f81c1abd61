"""%op wait and %%op wait: what they return, assign and raise."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic import OperationFailed, OperationsFailed, Status, WaitTimeout
from tests.magics import Op


def test_it_returns_the_end(op: Op, begin: Op, capsys: pytest.CaptureFixture[str]) -> None:
    operation = op(f"wait {begin(0.3, description='Train a model')}")
    assert operation.status is Status.SUCCEEDED
    assert "✓ succeeded  Train a model" in capsys.readouterr().out


def test_a_failure_is_raised_after_the_assignment(op: Op, begin: Op, shell: Any) -> None:
    failing = begin(0, outcome="failure")
    with pytest.raises(OperationFailed):
        op(f"wait {failing} -o x")
    assert shell.user_ns["x"].status is Status.FAILED
    with pytest.raises(OperationsFailed):
        op(f"wait {failing} {begin(0)} -o y")
    assert [found.status for found in shell.user_ns["y"]] == [Status.FAILED, Status.SUCCEEDED]


def test_no_raise(op: Op, begin: Op) -> None:
    failing = begin(0, outcome="failure")
    assert op(f"wait {failing} --no-raise").status is Status.FAILED
    assert op("wait nowhere --no-raise") is None
    assert [found and found.id for found in op(f"wait nowhere {failing} --no-raise")] == [None, failing]
    assert op(f"wait {begin(30)} --timeout 0 --no-raise").status is Status.RUNNING


@pytest.mark.parametrize("line", ["wait {name} --timeout 0.1", "wait {name} --timeout 0", "wait {name}"])
def test_a_timeout_cancels_nothing(op: Op, begin: Op, shell: Any, line: str) -> None:
    shell.run_line_magic("config", "OpMagics.timeout = 0.2")
    name = begin(30)
    with pytest.raises(WaitTimeout, match="Nothing was cancelled"):
        op(line.format(name=name) + " -o x")
    assert shell.user_ns["x"].status is Status.RUNNING
    assert op(f"get {name}").status is Status.RUNNING


def test_any(op: Op, begin: Op) -> None:
    slow = op(f"get {begin(30)}").id
    for outcome in ("success", "failure"):
        first, second = op(f"wait {slow} {begin(0, outcome=outcome)} --any")
        assert first is None or not first.done  # perhaps not seen yet
        assert second.done


def test_fail_fast(op: Op, begin: Op) -> None:
    slow, failing = begin(30), begin(0.1, outcome="failure")
    with pytest.raises(OperationsFailed, match="1 of 2 operations failed") as caught:
        op(f"wait {slow} {failing} --fail-fast")
    assert [found.status for found in caught.value.operations] == [Status.RUNNING, Status.FAILED]


def test_an_assignment_and_cells(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["begin"] = begin
    shell.run_cell(f"x = %op wait {begin(0)}").raise_error()
    assert shell.user_ns["x"].done
    shell.run_cell("%%op wait -o y\njob = begin(0.1)").raise_error()
    assert shell.user_ns["y"].id == shell.user_ns["job"]
    shell.run_cell("%%op wait -o z\n[begin(0), begin(0)]").raise_error()
    assert len(shell.user_ns["z"].succeeded) == 2
    assert [found.id for found in op("wait")] == [found.id for found in shell.user_ns["z"]]


@pytest.mark.parametrize(
    ("line", "cell", "said"),
    [
        ("wait", "pass", "the cell was not run: it gives nothing to wait for"),
        ("wait", "3", "what the cell gives is no operation but an int"),
        ("wait", "[]", "what the cell gives holds no operation"),
        ("wait x", "x = 1", "waits for what the cell gives: name no target"),
    ],
)
def test_cells_refused(op: Op, shell: Any, line: str, cell: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        shell.run_cell_magic("op", line, cell)
