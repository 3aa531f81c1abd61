"""What a notebook gets from a real kernel: as output, as Out[], as error and as reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Kernel

LIVE = {"comm_open", "comm_msg", "comm_close", "update_display_data", "clear_output"}


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


def test_wait_is_one_panel_and_no_out(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(0.4, description="Train a model")
    cell = kernel.ok(f"%op wait {operation.id}")
    (shown,) = cell.displays
    assert set(shown) == {"text/html", "text/plain"}
    assert shown["text/plain"].startswith(f"✓ succeeded  Train a model · {operation.id}")
    assert not cell.results
    assert not LIVE & set(cell.kinds)  # nobody looks: nothing live
    assert cell.stdout == cell.stderr == ""


@pytest.mark.parametrize("line", ["get {id};", "wait {id} ;", "wait {id} --quiet", "watch {id};", "cancel {id};"])
def test_a_semicolon_hides_all(kernel: Kernel, operation_service: LocalService, line: str) -> None:
    operation = operation_service.simulate(0)
    cell = kernel.ok(f"%op {line.format(id=operation.id)}")
    assert set(cell.kinds) == {"status", "execute_input"}
    assert kernel.value("getattr(_, 'ids', None) or _.id") in (operation.id, [operation.id])


def test_shown_again_when_asked_for(kernel: Kernel, operation_service: LocalService) -> None:
    kernel.ok(f"x = %op wait {operation_service.simulate(0).id}")
    assert len(kernel.ok("x").results) == 1
    cell = kernel.ok("result = get_ipython().run_line_magic('op', 'wait x')\nresult")
    assert len(cell.displays) == 1
    assert not cell.results


def test_a_failure_is_three_lines_and_tb_has_the_rest(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(0.1, outcome="failure", description="Start a job")
    cell = kernel.run(f"%op wait {operation.id} -o x")
    lines = cell.brief("OperationFailed")
    assert lines[0] == f"OperationFailed: Operation {operation.id} (Start a job) failed."
    assert lines[1].startswith("RESOURCE_EXHAUSTED: ")
    assert lines[2] == f"Its details: %op get {operation.id}"
    assert "✕ failed" in cell.displays[0]["text/plain"]
    assert cell.kinds.index("display_data") < cell.kinds.index("error")
    assert kernel.value("x.id") == operation.id
    trace = kernel.run("%tb").said
    assert "Traceback (most recent call last)" in trace
    assert "ds_ops_magic" in trace
    assert lines[1] in trace


def test_other_errors_are_brief(kernel: Kernel, operation_service: LocalService) -> None:
    failed = [operation_service.simulate(0, outcome="failure").id for _ in range(5)]
    lines = kernel.run(f"%op wait {' '.join(failed)} {operation_service.simulate(0).id}").brief("OperationsFailed")
    assert lines[0] == "OperationsFailed: 5 of 6 operations failed."
    assert all(name in lines[1] for name in failed[:3])
    assert lines[1].endswith("and 2 more")
    running = operation_service.simulate(30).id
    lines = kernel.run(f"%op wait {running} --timeout 0.1").brief("WaitTimeout")
    assert lines[-1] == f"To go on waiting: %op wait {running}"
    for subcommand in ("wait", "get", "cancel"):
        kernel.run(f"%op {subcommand} nowhere").brief("OperationNotFound")
    for wrong in ("x" * 51, "''"):
        kernel.run(f"%op wait {wrong}").brief("InvalidOperationId")


@pytest.mark.parametrize(("code", "states"), [("%op get {id}", "running"), ("w = %op watch {id}\nw", "running asking")])
def test_out_is_not_live(kernel: Kernel, operation_service: LocalService, code: str, states: str) -> None:
    cell = kernel.ok(code.format(id=operation_service.simulate(30).id))
    assert not LIVE & set(cell.kinds)
    assert not cell.displays
    (shown,) = cell.results
    assert shown["text/plain"].startswith(tuple(f"● {state}" for state in states.split()))
    assert "<table>" in shown["text/html"]
    kernel.ok("w.stop() if 'w' in globals() else None")


def test_a_hundred_operations_are_one_panel(kernel: Kernel, operation_service: LocalService) -> None:
    ids = [operation_service.simulate(0.005 * number).id for number in range(100)]
    cell = kernel.ok(f"done = %op wait {{{ids!r}}}")
    (shown,) = cell.displays
    assert shown["text/plain"].startswith("100 operations: 100 succeeded")
    assert kernel.value("[one.id for one in done]") == ids


def test_cancel_and_wait_is_one_panel_and_no_out(kernel: Kernel, operation_service: LocalService) -> None:
    cell = kernel.ok(f"%op cancel {operation_service.simulate(30).id} --wait")
    assert "– cancelled" in cell.displays[0]["text/plain"]
    assert not cell.results
    kernel.run(f"%op cancel {operation_service.simulate(0).id} --wait").brief("NotCancelled")


@pytest.mark.parametrize("code", ["%op wait --frobnicate", "%op wait {1/0}", "%%op wait\n3"])
def test_a_usage_error_is_one_sentence(kernel: Kernel, code: str) -> None:
    assert "%op" in kernel.run(code).usage_error()


def test_the_overview_and_the_configuration_are_found(kernel: Kernel) -> None:
    for code in ("%op?", "%%op?"):
        (page,) = kernel.ok(code).reply["payload"]
        assert "%op follows long-running operations." in page["data"]["text/plain"]
    said = kernel.ok("%config OpMagics").stdout
    assert all(f"OpMagics.{name}=" in said for name in ("endpoint", "timeout", "rate", "display"))


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
