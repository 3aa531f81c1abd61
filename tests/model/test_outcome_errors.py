"""Errors of operations that have ended: what they say, and what they carry."""

from __future__ import annotations

import pickle

import pytest

from ds_ops_magic.model.errors import ProgramFailed
from ds_ops_magic.model.group_errors import group_error
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.outcome_errors import not_cancelled, operation_failed
from tests.support.sample_errors import HOSTILE, RUNNING, failed, program_failed
from tests.support.scripted import message


def test_the_operation_of_an_error() -> None:
    operation = failed()
    error = operation_failed(operation)
    assert (error.operation, error.status) == (operation, operation.error)
    assert not_cancelled(operation).operation is operation
    with pytest.raises(ValueError, match="has no error"):
        operation_failed(RUNNING)


@pytest.mark.parametrize(
    ("code", "said", "next_step"),
    [
        (1, "its program returned 1", "Its log: %op logs op1 --stderr"),
        (
            137,
            "its program returned 137: killed (SIGKILL), mostly because it ran out of memory",
            "Its log: %op logs op1 --stderr",
        ),
        (None, "the cell raised an error", "Its details: %op get op1"),
    ],
)
def test_a_program_that_failed(code: int | None, said: str, next_step: str) -> None:
    operation = program_failed(code)
    error = operation_failed(operation)
    assert isinstance(error, ProgramFailed)
    assert str(error) == f"Operation op1 (train) failed.\n{said}\n{next_step}"
    assert (error.operation, error.return_code, error.stderr) == (operation, code, ())
    assert (error.status.name, error.status.message, error.status.details) == ("UNKNOWN", said, ())


def test_the_stderr_of_a_program() -> None:
    error = operation_failed(program_failed(1))
    assert isinstance(error, ProgramFailed)
    error.stderr = (
        "dropped",
        *(f"line {number}" for number in range(18)),
        "  File x",
        HOSTILE * 100 + "t1.9euelZqMabc",
    )
    first, said, *shown, last = error._render_traceback_()
    assert (first, said) == ("ProgramFailed: Operation op1 (train) failed.", "its program returned 1")
    assert shown[:19] == [*(f"    line {number}" for number in range(18)), "      File x"]
    assert last == "Its log: %op logs op1 --stderr"
    assert len(shown) == 20
    assert all(line.replace("\t", "").isprintable() and len(line) <= 304 for line in shown)
    error.stderr = ("token t1.9euelZqMzZmZmZ",)
    assert str(error).splitlines()[2] == "    token (token)"
    assert len(error.args) == 3
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert (again.stderr, again.return_code, str(again)) == (error.stderr, 1, str(error))


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (Operation(message("op1", done=True)), "Operation op1 was not cancelled: it succeeded before."),
        (program_failed(1), "Operation op1 was not cancelled: it had ended, and its program returned 1."),
        (program_failed(None), "Operation op1 was not cancelled: it had ended, and the cell raised an error."),
    ],
)
def test_what_ended_before_it_was_cancelled(operation: Operation, said: str) -> None:
    error = not_cancelled(operation)
    assert error.args == (said, "Its result: %op get op1")
    assert error.operation is operation


def test_programs_of_a_group() -> None:
    errors = {name: operation_failed(program_failed(137, name)) for name in "ab"}
    assert group_error(errors, Operations([program_failed(137, name) for name in "ab"]), 2).args[1] == "; ".join(
        f"{name}: its program returned 137: killed (SIGKILL), mostly because it ran out of memory" for name in "ab"
    )
