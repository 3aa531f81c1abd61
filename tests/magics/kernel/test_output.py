"""What a notebook gets from a real kernel: as output, as Out[], as error and as reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Kernel

LIVE = {"comm_open", "comm_msg", "comm_close", "update_display_data", "clear_output"}


def test_wait_is_one_panel_and_no_out(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(0.4, description="Train a model")
    cell = kernel.ok(f"%op wait {operation.id}")
    (shown,) = cell.displays
    assert set(shown) == {"text/html", "text/plain"}
    assert shown["text/plain"].startswith(f"✓ succeeded  Train a model · {operation.id}")
    assert not cell.results
    assert not LIVE & set(cell.kinds)  # nobody looks: nothing live
    assert cell.stdout == cell.stderr == ""


def test_get_is_out(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(30)
    cell = kernel.ok(f"%op get {operation.id}")
    assert not cell.displays
    assert cell.results[0]["text/plain"].startswith("● running")
    assert "<table>" in cell.results[0]["text/html"]


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


def test_failures_of_several_are_three_lines(kernel: Kernel, operation_service: LocalService) -> None:
    ids = [operation_service.simulate(0, outcome="failure").id for _ in range(5)]
    ids.append(operation_service.simulate(0).id)
    lines = kernel.run(f"%op wait {' '.join(ids)}").brief("OperationsFailed")
    assert lines[0] == "OperationsFailed: 5 of 6 operations failed."
    assert all(name in lines[1] for name in ids[:3])
    assert lines[1].endswith("and 2 more")


def test_other_errors_are_brief(kernel: Kernel, operation_service: LocalService) -> None:
    running = operation_service.simulate(30).id
    lines = kernel.run(f"%op wait {running} --timeout 0.1").brief("WaitTimeout")
    assert lines[-1] == f"To go on waiting: %op wait {running}"
    for subcommand in ("wait", "get", "cancel"):
        kernel.run(f"%op {subcommand} nowhere").brief("OperationNotFound")
    for wrong in ("x" * 51, "''"):
        kernel.run(f"%op wait {wrong}").brief("InvalidOperationId")


def test_watch_is_shown_once(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(30)
    cell = kernel.ok(f"w = %op watch {operation.id}\nw")
    assert not LIVE & set(cell.kinds)
    assert cell.results[0]["text/plain"].startswith(("● running", "● asking"))
    kernel.ok("w.stop()")


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


@pytest.mark.parametrize("code", ["%op?", "%%op?"])
def test_the_docstring_is_the_overview(kernel: Kernel, code: str) -> None:
    (page,) = kernel.ok(code).reply["payload"]
    assert "%op follows long-running operations." in page["data"]["text/plain"]


def test_config(kernel: Kernel) -> None:
    said = kernel.ok("%config OpMagics").stdout
    assert all(f"OpMagics.{name}=" in said for name in ("endpoint", "timeout", "rate", "display"))
    assert "expected any of" in kernel.ok("%config OpMagics.display = 'loud'").stderr
