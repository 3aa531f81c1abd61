"""What a Watch shows: entries, changes, and the end of each."""

from __future__ import annotations

import dataclasses

import pytest

from ds_ops_magic.model.errors import OperationCancelled, OperationFailed, ProgramFailed
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.progress import Progress
from ds_ops_magic.model.view import Entry, Health, Update, View
from ds_ops_magic.model.wait_errors import stopped
from tests.support.messages import job_response
from tests.support.scripted import message

RUNNING = Operation(message("a"))
FAILING = Operation(message("a", error=(8, "no quota")))
GOOD = Operation(message("a", done=True))
BAD = Operation(message("a", done=True, error=(8, "no quota")))
KILLED = Operation(message("a", done=True, response=job_response(137)))
CANCELLED = Operation(message("a", done=True, error=(1, "by user")))
GONE, REFUSED = stopped(["a"]), stopped(["a"])


@pytest.mark.parametrize(
    ("operation", "error", "ended", "failure"),
    [
        (None, None, False, None),
        (RUNNING, None, False, None),
        (FAILING, None, False, None),
        (GOOD, None, True, None),
        (BAD, None, True, OperationFailed),
        (CANCELLED, None, True, OperationCancelled),
        (KILLED, None, True, ProgramFailed),
        (None, GONE, True, type(GONE)),
        (RUNNING, GONE, True, type(GONE)),
    ],
)
def test_entry(operation: Operation | None, error: object, ended: bool, failure: type | None) -> None:
    entry = Entry("a", operation, error)
    assert entry.ended is ended
    assert entry.failure is None if failure is None else type(entry.failure) is failure
    assert error is None or entry.failure is error


@pytest.mark.parametrize(
    ("change", "ended"),
    [
        (Update("a", None, RUNNING), False),
        (Update("a", RUNNING, FAILING), False),
        (Update("a", FAILING, BAD), True),
        (Update("a", None, GOOD), True),
        (Update("a", RUNNING, RUNNING, GONE), True),
        (Update("a", None, None, GONE), True),
        (Update("a", RUNNING, RUNNING, None, REFUSED), False),
        (Update("a", None, None, None, REFUSED), False),
    ],
)
def test_change(change: Update, ended: bool) -> None:
    assert change.ended is ended


@pytest.mark.parametrize("value", [Update("a", None, RUNNING), Entry("a"), View((), Health()), Progress()])
def test_all_of_it_is_frozen(value: object) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, "other")
