"""The magic in a real kernel: what a notebook gets as output, as Out[], as error and as reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Cell, Kernel

LIVE = {"comm_open", "comm_msg", "comm_close", "update_display_data", "clear_output"}


def one_sentence(cell: Cell) -> str:
    """Return what a user error said: one line on stderr, and never a traceback."""
    assert cell.reply["status"] == "error"
    assert cell.reply["ename"] == "UsageError"
    assert "error" not in cell.kinds
    assert cell.stderr.strip().count("\n") == 0
    assert cell.stderr.startswith("UsageError: ")
    return cell.stderr.strip()


def brief(cell: Cell, ename: str) -> list[str]:
    """Return the lines of an error a user meets: three at most."""
    assert cell.reply["status"] == "error"
    assert cell.error["ename"] == ename
    lines = cell.said.splitlines()
    assert lines[0].startswith(f"{ename}: ")
    assert 1 <= len(lines) <= 3
    return lines


def test_wait_shows_one_panel_and_no_out(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(0.4, description="Train a model")
    cell = kernel.ok(f"%op wait {operation.id}")
    assert set(cell.displays[0]) == {"text/html", "text/plain"}
    assert cell.displays[0]["text/plain"].startswith(f"✓ succeeded  Train a model · {operation.id}")
    assert len(cell.displays) == 1
    assert not cell.results
    assert not LIVE & set(cell.kinds)  # nobody looks: nothing live
    assert cell.stdout == cell.stderr == ""


def test_get_is_shown_as_out(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(30)
    cell = kernel.ok(f"%op get {operation.id}")
    assert not cell.displays
    assert cell.results[0]["text/plain"].startswith("● running")
    assert "<table>" in cell.results[0]["text/html"]


@pytest.mark.parametrize("line", ["get {id};", "wait {id};", "wait {id} --quiet", "watch {id};", "cancel {id};"])
def test_a_semicolon_hides_all_and_loses_nothing(kernel: Kernel, operation_service: LocalService, line: str) -> None:
    operation = operation_service.simulate(0)
    cell = kernel.ok(f"%op {line.format(id=operation.id)}")
    assert set(cell.kinds) == {"status", "execute_input"}
    assert kernel.value("getattr(_, 'ids', None) or _.id") in (operation.id, [operation.id])


def test_what_was_shown_is_shown_again_when_it_is_asked_for(kernel: Kernel, operation_service: LocalService) -> None:
    kernel.ok(f"x = %op wait {operation_service.simulate(0).id}")
    assert len(kernel.ok("x").results) == 1
    cell = kernel.ok("result = get_ipython().run_line_magic('op', 'wait x')\nresult")
    assert len(cell.displays) == 1
    assert not cell.results


def test_a_failure_is_three_lines_and_tb_has_the_rest(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(0.1, outcome="failure", description="Start a job")
    cell = kernel.run(f"%op wait {operation.id} -o x")
    lines = brief(cell, "OperationFailed")
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


def test_what_failed_of_several_is_three_lines(kernel: Kernel, operation_service: LocalService) -> None:
    ids = [operation_service.simulate(0, outcome="failure").id for _ in range(5)]
    ids.append(operation_service.simulate(0).id)
    lines = brief(kernel.run(f"%op wait {' '.join(ids)}"), "OperationsFailed")
    assert lines[0] == "OperationsFailed: 5 of 6 operations failed."
    assert all(name in lines[1] for name in ids[:3])
    assert lines[1].endswith("and 2 more")


def test_other_ends_of_a_wait_are_brief_too(kernel: Kernel, operation_service: LocalService) -> None:
    running = operation_service.simulate(30).id
    lines = brief(kernel.run(f"%op wait {running} --timeout 0.1"), "WaitTimeout")
    assert lines[-1] == f"To go on waiting: %op wait {running}"
    brief(kernel.run("%op wait nowhere"), "OperationNotFound")
    brief(kernel.run("%op get nowhere"), "OperationNotFound")
    brief(kernel.run("%op cancel nowhere"), "OperationNotFound")
    brief(kernel.run(f"%op wait {'x' * 51}"), "InvalidOperationId")
    brief(kernel.run("%op wait ''"), "InvalidOperationId")


def test_cancel(kernel: Kernel, operation_service: LocalService) -> None:
    stubborn = operation_service.simulate(30, outcome="no-cancel").id
    lines = brief(kernel.run(f"%op cancel {stubborn}"), "CancelNotSupported")
    assert lines[-1] == f"The operation goes on; to follow it: %op wait {stubborn}"
    obedient = operation_service.simulate(30).id
    cell = kernel.ok(f"%op cancel {obedient} --wait -o x")
    assert "– cancelled" in cell.displays[0]["text/plain"]
    assert not cell.results
    assert kernel.value("x.status.value") == "cancelled"
    cell = kernel.ok(f"%op cancel {obedient}")
    assert cell.stdout.startswith(f"{obedient} finished ")
    assert cell.stdout.endswith(" ago: cancelled\n")
    done = operation_service.simulate(0).id
    lines = brief(kernel.run(f"%op cancel {done} --wait"), "NotCancelled")
    assert "succeeded before" in lines[0]


def test_watch_returns_at_once_and_shows_once(kernel: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(30)
    cell = kernel.ok(f"w = %op watch {operation.id}\nw")
    assert not LIVE & set(cell.kinds)
    assert cell.results[0]["text/plain"].startswith(("● running", "● asking"))
    kernel.ok("w.stop()")


def test_a_hundred_operations_are_one_panel(kernel: Kernel, operation_service: LocalService) -> None:
    ids = [operation_service.simulate(0.005 * number).id for number in range(100)]
    kernel.ok(f"ids = {ids!r}")
    cell = kernel.ok("done = %op wait ids")
    assert len(cell.displays) == 1
    assert cell.displays[0]["text/plain"].startswith("100 operations: 100 succeeded")
    assert kernel.value("[one.id for one in done]") == ids


@pytest.mark.parametrize(
    "line",
    [
        "%op frobnicate",
        "%op wait --frobnicate",
        "%op wait --timeout soon x",
        "%op wait x --any --fail-fast",
        "%op wait {1/0}",
        "%op wait {(1/0 for _ in [1])}",
        "%op wait {",
        "%op wait {None}",
        "%op wait {[None]}",
        "%op watch",
        "%op cancel",
        "%op wait x -o 1x",
        "%op help nonsense",
        "%op connect {1/0}",
        "%op wait x --notify nobody",
        "%%op get\nx = 1",
        "%%op wait x\nx = 1",
        "%%op wait\npass",
        "%%op wait\n3",
        "%%op wait\nimport asyncio\nawait asyncio.sleep(0)",
    ],
)
def test_bad_input_gets_one_sentence(kernel: Kernel, line: str) -> None:
    assert "%op" in one_sentence(kernel.run(line))


def test_help(kernel: Kernel) -> None:
    assert kernel.ok("%op").stdout.startswith("%op follows long-running operations.")
    assert kernel.ok("%op wait -h").stdout.startswith("usage: %op wait")
    for line in ("%op?", "%%op?"):
        (page,) = kernel.ok(line).reply["payload"]
        assert "%op follows long-running operations." in page["data"]["text/plain"]


def test_config_shows_and_sets(kernel: Kernel, operation_service: LocalService) -> None:
    said = kernel.ok("%config OpMagics").stdout
    assert all(f"OpMagics.{name}=" in said for name in ("endpoint", "timeout", "rate", "display"))
    kernel.ok("%config OpMagics.timeout = 0.1")
    brief(kernel.run(f"%op wait {operation_service.simulate(30).id}"), "WaitTimeout")
    assert "expected any of" in kernel.ok("%config OpMagics.display = 'loud'").stderr
    kernel.ok("%config OpMagics.timeout = None\n%config OpMagics.display = 'none'")
    assert set(kernel.ok(f"%op wait {operation_service.simulate(0).id}").kinds) == {"status", "execute_input"}
    kernel.ok("%config OpMagics.display = 'text'")
    cell = kernel.ok(f"%op wait {operation_service.simulate(0).id}")
    assert "✓ succeeded" in cell.stdout
    assert not cell.displays
