"""%%op wait in a real kernel: its one panel, and the error of the cell."""

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
    kernel.ok(
        "from yandex.cloud.operation.operation_pb2 import Operation as Message\n"
        f"left = {ids!r}\njobs = {{}}\nended = None\n"
        "def begin():\n    return Message(id=left.pop(0))"
    )
    return kernel


@pytest.mark.parametrize(
    ("cell", "number"),
    [("print('started')\nbegin()", 1), ("jobs['a b'] = begin();", 1), ("first, second = begin(), begin()", 2)],
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
