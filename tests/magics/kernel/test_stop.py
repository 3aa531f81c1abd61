"""Stop: a real SIGINT while %op wait blocks a real kernel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.kernels import wait_until
from tests.support.scripted import ScriptedServer, message

if TYPE_CHECKING:
    from tests.support.kernels import Cell, Kernel


def interrupted(
    kernel: Kernel, server: ScriptedServer, code: str, *behind: str, page: bool = False, live: bool = False
) -> list[Cell]:
    """Stop a cell in its wait for op1, which takes less than a second; returns it with those behind it.

    ``live``: not before something is displayed.
    """
    asked = server.calls["get", "op1"]
    requests = [kernel.send(code, page=page), *map(kernel.send, behind)]
    # Asked twice: then the kernel has had an answer, and waits for the next. A cancel looks first, which is once more.
    enough = asked + 2 + code.startswith("%op cancel")
    kernel.until(lambda: server.calls["get", "op1"] >= enough)
    if live:
        kernel.until(lambda: any(one["msg_type"] == "display_data" for one in kernel.of(requests[0])))
    pressed = time.monotonic()
    kernel.interrupt()
    first = kernel.cell(requests[0])
    assert time.monotonic() - pressed < 1.0
    assert first.error["ename"] == "WaitInterrupted"
    return [first, *(kernel.cell(request) for request in requests[1:])]


def test_stop_ends_the_wait_and_says_how_to_go_on(kernel: Kernel, server: ScriptedServer) -> None:
    (cell,) = interrupted(kernel, server, "%op wait op1 -o x")
    assert (cell.reply["status"], cell.reply["ename"]) == ("error", "WaitInterrupted")
    assert cell.said.splitlines() == [
        "WaitInterrupted: Stopped waiting; the operation goes on.",
        "To go on waiting: %op wait op1",
        "To cancel: %op cancel op1",
    ]
    (panel,) = cell.displays
    assert panel["text/plain"].startswith("● running")
    assert panel["text/plain"].endswith("stopped waiting; to go on: %op wait op1")
    assert kernel.value("x.id") == "op1"
    asked = server.calls["get", "op1"]
    kernel.run("%op wait op2 --timeout 1")  # op1 would be asked about three times or more meanwhile
    assert (server.calls["get", "op1"], server.calls["cancel", "op1"]) == (asked, 0)
    kernel.ok("%op cancel op1")
    assert kernel.run("%op wait").error["ename"] == "OperationCancelled"


def test_cells_behind_it_do_not_run(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok("ran = []")
    cells = interrupted(kernel, server, "%op wait op1", *(f"ran.append({number})" for number in range(3)))
    assert [cell.reply["status"] for cell in cells] == ["error", "aborted", "aborted", "aborted"]
    assert kernel.value("ran") == []
    assert kernel.ok("ran").results[0]["text/plain"] == "[]"


LOOP = """
for name in ("op1", "op2"):
    try:
        get_ipython().run_line_magic("op", f"wait {name}")
    except Exception:
        caught.append(name)
"""
OPTIONS = ("--no-raise", "--any", "--fail-fast", "--quiet", "--timeout 1h")


@pytest.mark.parametrize("code", [LOOP, *(f"%op wait op1 {option}" for option in OPTIONS)])
def test_nothing_eats_it(kernel: Kernel, server: ScriptedServer, code: str) -> None:
    kernel.ok("caught = []")
    interrupted(kernel, server, code)
    assert kernel.value("caught") == []


def test_many_operations_are_not_named(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok("ids = [f'op{number}' for number in range(50)]")
    (cell,) = interrupted(kernel, server, "%op wait ids")
    assert cell.said.splitlines() == [
        "WaitInterrupted: Stopped waiting; 50 operations go on.",
        "To go on waiting: %op wait with their ids or a variable that holds them",
        "To cancel: %op cancel with their ids or a variable that holds them",
    ]
    assert kernel.run("%op wait --timeout 0.1").error["ename"] == "WaitTimeout"


def test_only_what_has_not_ended_is_named(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok("%op cancel op2")
    (cell,) = interrupted(kernel, server, "%op wait op1 op2")
    assert cell.said.splitlines()[1:] == ["To go on waiting: %op wait op1", "To cancel: %op cancel op1"]


def test_stop_while_a_cell_runs(kernel: Kernel, server: ScriptedServer) -> None:
    request = kernel.send("%%op wait\nimport time\nprint('go', flush=True)\ntime.sleep(60)\n'op1'")
    kernel.until(lambda: any(one["content"].get("text") == "go\n" for one in kernel.of(request)))
    kernel.interrupt()
    assert kernel.cell(request).error["ename"] == "KeyboardInterrupt"
    assert server.calls["get", "op1"] == 0


@pytest.mark.parametrize("code", ["%op cancel op1 --wait -o x", "%%op wait -o x\njob = 'op1'"])
def test_stop_of_other_waits(kernel: Kernel, server: ScriptedServer, code: str) -> None:
    server.get = lambda call: message(call.id, error=(1, "stopping"))
    interrupted(kernel, server, code)
    assert kernel.value("[x.id, x.status_word]") == ["op1", "cancelling"]


@pytest.mark.parametrize("mode", ["html", "widget"])
def test_the_live_display_becomes_static(kernel: Kernel, server: ScriptedServer, mode: str) -> None:
    kernel.ok(f"%config OpMagics.display = '{mode}'")
    (cell,) = interrupted(kernel, server, "%op wait op1", page=True, live=True)
    assert len(cell.displays) == 1
    last = cell.contents("update_display_data")[-1]["data"]
    assert set(last) == {"text/html", "text/plain"}
    assert last["text/plain"].startswith("● running")
    assert "to go on: %op wait op1" in last["text/plain"]
    assert cell.kinds.count("comm_open") == cell.kinds.count("comm_close")
    seen = len(kernel.messages)
    wait_until(
        lambda: not kernel.value("[one.name for one in __import__('threading').enumerate() if 'redraw' in one.name]")
    )
    assert {message["msg_type"] for message in kernel.messages[seen:]} == {"status"}  # nothing is drawn any more


def test_with_a_display_of_text_or_none(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok("%config OpMagics.display = 'text'")
    (cell,) = interrupted(kernel, server, "%op wait op1", page=True)
    assert cell.stdout.startswith("● running")
    assert cell.stdout.endswith("stopped waiting; to go on: %op wait op1\n")
    kernel.ok("%config OpMagics.display = 'none'")
    (cell,) = interrupted(kernel, server, "%op wait op1", page=True)
    assert set(cell.kinds) == {"status", "execute_input", "error"}


def test_stop_while_a_generator_is_read(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok(
        "import threading\ngiven = []\n"
        "def started():\n"
        "    for name in ('op1', 'op2'):\n        given.append(name)\n        yield {'id': name}\n"
        "    print('waiting', flush=True)\n    threading.Event().wait()\n"
    )
    request = kernel.send("%op wait {started()}")
    kernel.until(lambda: [message for message in kernel.of(request) if message["msg_type"] == "stream"])
    kernel.interrupt()
    cell = kernel.cell(request)
    assert cell.error["ename"] == "WaitInterrupted"
    assert cell.said.splitlines()[-2:] == [
        "WaitInterrupted: Stopped reading {started()} after 2 operations, which go on.",
        "To wait for what it gave: %op wait with no id",
    ]
    kernel.run("%op wait --timeout 0 -o both")
    assert kernel.value("[one.id for one in both]") == ["op1", "op2"]
