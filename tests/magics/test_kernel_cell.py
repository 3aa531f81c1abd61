"""%%op wait and assignments in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Kernel


@pytest.fixture
def begin(kernel: Kernel, operation_service: LocalService) -> Kernel:
    """The kernel, with a function `begin` that begins operations as a user's SDK does."""
    ids = [operation_service.simulate(0, description=f"n{number}").id for number in range(8)]
    failing = operation_service.simulate(0, outcome="failure").id
    kernel.ok(
        "from types import SimpleNamespace\n"
        "from yandex.cloud.operation.operation_pb2 import Operation as Message\n"
        f"left = {ids!r}\nfailing = {failing!r}\nholder = SimpleNamespace()\njobs = {{}}\nended = None\n"
        "def begin():\n    return Message(id=left.pop(0))"
    )
    return kernel


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("begin()", 1),
        ("print('started')\nbegin()", 1),
        ("job = begin()", 1),
        ("holder.job = begin()", 1),
        ("jobs['a b'] = begin()", 1),
        ("first, holder.second = begin(), begin()", 2),
        ("[begin() for _ in range(3)]", 3),
        ("job = {'id': begin().id, 'done': False}", 1),
        ("job = begin();", 1),
    ],
)
def test_a_cell_is_waited_for(begin: Kernel, cell: str, number: int) -> None:
    ids = begin.value(f"left[:{number}]")
    ended = begin.ok(f"%%op wait -o ended\n{cell}")
    assert len(ended.displays) == 1
    assert not ended.results
    assert begin.value("[one.id for one in (ended if isinstance(ended, list) else [ended])]") == ids
    assert begin.value(f"len(left) == 8 - {number}")
    assert begin.value("all(one.done for one in (ended if isinstance(ended, list) else [ended]))")


def test_a_cell_that_fails_raises_its_own_error(begin: Kernel) -> None:
    cell = begin.run("%%op wait -o ended\njob = begin()\ndef f():\n    return 1 / 0\nf()")
    assert cell.error["ename"] == "ZeroDivisionError"
    assert "-> 4 f()" in cell.said
    assert "/magics/" not in cell.said  # the trace is that of the cell
    assert not cell.displays
    assert begin.value("len(left)") == 7  # what it began before goes on, unwaited for
    assert begin.value("ended") is None


def test_a_cell_that_is_no_python_raises_its_own_error(begin: Kernel) -> None:
    cell = begin.run("%%op wait\njob = begin(")
    # What is not complete has a class of its own since Python 3.13.
    assert cell.error["ename"] in ("SyntaxError", "_IncompleteInputError")
    assert begin.value("len(left)") == 8


def test_top_level_await_starts_nothing(begin: Kernel) -> None:
    cell = begin.run("%%op wait\njob = begin()\nawait job")
    assert "cannot be run. Await it in a cell of its own" in cell.stderr
    assert begin.value("len(left)") == 8


def test_the_name_is_bound_before_a_failure_is_raised(begin: Kernel) -> None:
    cell = begin.run("%%op wait -o ended\nx = 1\n[begin(), failing]")
    assert cell.error["ename"] == "OperationsFailed"
    assert begin.value("[one.status.value for one in ended]") == ["succeeded", "failed"]
    assert begin.run("%op wait failing -o ended").error["ename"] == "OperationFailed"
    assert begin.value("ended.status.value") == "failed"


def test_an_assignment_gives_what_the_wait_gives(begin: Kernel) -> None:
    begin.ok("ended = %op wait {begin()}")
    assert begin.value("ended.status.value") == "succeeded"
    cell = begin.ok("job = begin()\nended = %op wait job;\nprint(ended.id == job.id)")
    assert cell.stdout == "True\n"
    assert not cell.displays


def test_every_kind_of_target_is_understood(begin: Kernel) -> None:
    begin.ok(
        "import json, pandas\n"
        "from ds_ops_magic import Operation\n"
        "message = begin(); ours = Operation.from_proto(begin()); text = begin().id\n"
        "rest = {'id': text, 'done': False, 'metadata': {'@type': 'x'}}\n"
        "holder.deep = [ours]; jobs['a b'] = rest\n"
        "frame = pandas.DataFrame({'id': [text, message.id]})\n"
    )
    begin.ok("w = %op watch ours text")
    for target, count in {
        "message": 1,
        "ours": 1,
        "text": 1,
        "rest": 1,
        "holder.deep[0]": 1,
        "jobs['a b']": 1,
        "{json.loads(json.dumps(rest))}": 1,
        "{text}": 1,
        "w": 2,
        "holder.deep": 1,
        "{(message, ours)}": 2,
        "{(one for one in (message, ours))}": 2,
        "{jobs.values()}": 1,
        "{dict(a=ours)}": 1,
        "{ {ours, text} }": 2,
        "frame['id']": 2,
        "frame.id": 2,
        "message ours text": 3,
    }.items():
        begin.ok(f"found = %op get {target}")
        assert begin.value("len(found) if isinstance(found, list) else 1") == count, target


def test_what_the_last_wait_was_for_is_waited_for_again(begin: Kernel) -> None:
    begin.ok("%%op wait\njobs = [begin(), begin()]")
    begin.ok("again = %op wait")
    assert begin.value("[one.id for one in again] == [one.id for one in jobs]")
