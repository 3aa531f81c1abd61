"""What a page gets that shows widgets and updates displays: live panels, and the static result in their place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.scripted import Call, ScriptedServer, message

if TYPE_CHECKING:
    from tests.support.kernels import Cell, Kernel

STATIC = {"text/html", "text/plain"}
WIDGET = "application/vnd.jupyter.widget-view+json"


def live(kernel: Kernel, server: ScriptedServer, code: str = "%op wait op1") -> Cell:
    """Run a cell as a page does, and have op1 end when its panel is there."""
    request = kernel.send(code, page=True)
    kernel.until(lambda: any(one["msg_type"] == "display_data" for one in kernel.of(request)))
    server.get = lambda call: message(call.id, done=True, description="Train a model")
    return kernel.cell(request)


def succeeded(kernel: Kernel) -> set[str]:
    """Return the ids of the displays that were updated to show a success."""
    updates = [one["content"] for one in kernel.messages if one["msg_type"] == "update_display_data"]
    return {one["transient"]["display_id"] for one in updates if "✓ succeeded" in one["data"]["text/plain"]}


@pytest.mark.parametrize(("mode", "live_mimes"), [("auto", {WIDGET, *STATIC}), ("html", STATIC)])
def test_the_live_panel_becomes_static(kernel: Kernel, server: ScriptedServer, mode: str, live_mimes: set[str]) -> None:
    kernel.ok(f"%config OpMagics.display = '{mode}'")
    cell = live(kernel, server)
    assert cell.status == "ok"
    (shown,) = cell.contents("display_data")
    assert set(shown["data"]) == live_mimes
    assert "● running" in shown["data"]["text/plain"]
    last = cell.contents("update_display_data")[-1]
    assert last["transient"]["display_id"] == shown["transient"]["display_id"]
    assert set(last["data"]) == STATIC
    assert last["data"]["text/plain"].startswith("✓ succeeded  Train a model · op1")
    assert not cell.results
    assert cell.kinds.count("comm_open") == cell.kinds.count("comm_close")
    assert ("comm_open" in cell.kinds) == (mode == "auto")


def test_a_page_without_widgets_gets_html(kernel: Kernel, server: ScriptedServer) -> None:
    request = kernel.send("%op wait op1", page=True)

    def root() -> Any:
        views = [one["content"]["data"] for one in kernel.of(request) if one["msg_type"] == "display_data"]
        return views and views[0][WIDGET]["model_id"]

    kernel.request("comm_close", {"comm_id": kernel.until(root), "data": {}})  # how a front end without them answers
    kernel.until(lambda: any(one["msg_type"] == "update_display_data" for one in kernel.of(request)))
    server.get = lambda call: message(call.id, done=True)
    updates = kernel.cell(request).contents("update_display_data")
    assert all(set(update["data"]) == STATIC for update in updates)
    assert "● running" in updates[0]["data"]["text/plain"]
    assert "✓ succeeded" in updates[-1]["data"]["text/plain"]


def test_without_an_ipywidgets_that_works_a_page_gets_html(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok("import sys; kept = {n: sys.modules.pop(n) for n in list(sys.modules) if n.endswith('display.widget')}")
    kernel.ok("sys.modules['ds_ops_magic.display.widget'] = None")
    try:
        cell = live(kernel, server)
    finally:
        kernel.ok("del sys.modules['ds_ops_magic.display.widget']; sys.modules.update(kept)")
    assert [set(shown) for shown in cell.displays] == [STATIC]
    assert "To cancel: ■ and then %op cancel op1" in cell.displays[0]["text/plain"]
    assert "✓ succeeded" in cell.contents("update_display_data")[-1]["data"]["text/plain"]
    assert not cell.stderr


@pytest.mark.parametrize("end", [";", " --quiet"])
def test_what_is_hidden_shows_nothing_live_either(kernel: Kernel, server: ScriptedServer, end: str) -> None:
    server.get = lambda call: message(call.id, done=call.number > 2)
    cell = kernel.run(f"%op wait op1{end}", page=True)
    assert set(cell.kinds) == {"status", "execute_input"}


def test_what_is_over_at_once_is_shown_once(kernel: Kernel, server: ScriptedServer) -> None:
    server.get = lambda call: message(call.id, done=True)
    cell = kernel.ok("%op wait op1 op2", page=True)
    assert [set(shown) for shown in cell.displays] == [STATIC]
    assert not {"comm_open", "update_display_data", "execute_result"} & set(cell.kinds)


def test_a_failure_leaves_the_static_result_before_the_error(kernel: Kernel, server: ScriptedServer) -> None:
    server.get = lambda call: message(call.id, done=call.number > 1, error=(8, "quota") if call.number > 1 else None)
    cell = kernel.run("%op wait op1", page=True)
    assert cell.error["ename"] == "OperationFailed"
    assert cell.kinds.index("update_display_data") < cell.kinds.index("error")


def test_watch_does_not_block_and_ends_by_itself(kernel: Kernel, server: ScriptedServer) -> None:
    begun = time.monotonic()
    request = kernel.send("w = %op watch op1\nw", page=True)
    cell = kernel.cell(request)
    assert time.monotonic() - begun < 5
    (shown,) = cell.contents("display_data")
    assert not cell.results  # the panel is what a Watch looks like
    kernel.ok("print('another cell')", page=True)
    server.get = lambda call: message(call.id, done=True)
    kernel.until(lambda: shown["transient"]["display_id"] in succeeded(kernel))
    assert kernel.value("w.done")


def test_a_watch_that_only_its_panel_has_goes_on(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok("%op watch op1 -o held\ndel held", page=True)
    kernel.ok("import gc; get_ipython().displayhook.flush(); gc.collect()", page=True)
    kernel.ok("del _, __, ___")  # else IPython takes them for variables of the user from now on
    asked, before = server.gets("op1"), succeeded(kernel)
    kernel.until(lambda: server.gets("op1") > asked + 3)
    server.get = lambda call: message(call.id, done=True)
    kernel.until(lambda: succeeded(kernel) - before)


def test_a_second_display_of_a_watch_is_as_live_and_asks_nothing(kernel: Kernel, server: ScriptedServer) -> None:
    ends: list[str] = []

    def end(call: Call) -> Any:
        ends.append(call.id)
        return message(call.id, done=True)

    (first,) = kernel.ok("w = %op watch op1", page=True).contents("display_data")
    second = kernel.ok("w", page=True)
    (again,) = second.contents("display_data")
    assert WIDGET in again["data"]
    assert not second.results
    assert "To cancel: the button, or %op cancel op1" in again["data"]["text/plain"]
    server.get = end
    both = {shown["transient"]["display_id"] for shown in (first, again)}
    kernel.until(lambda: both <= succeeded(kernel))
    assert len(ends) == 1
    (over,) = kernel.ok("w", page=True).results  # nothing is live any more
    assert over["text/plain"].startswith("✓ succeeded")


def test_a_watch_that_is_stopped_says_so(kernel: Kernel, server: ScriptedServer) -> None:
    kernel.ok("w = %op watch op1", page=True)
    kernel.ok("w.stop()")
    kernel.until(lambda: any("stopped" in str(one["content"]) for one in kernel.messages))


def test_few_messages_for_a_busy_panel(kernel: Kernel, server: ScriptedServer) -> None:
    server.get = lambda call: message(call.id, done=call.number > 5, description=f"step {call.number}")
    begun = time.monotonic()
    cell = kernel.ok("%op wait {[f'busy{number}' for number in range(15)]}", page=True)
    taken = time.monotonic() - begun
    moments = [one["header"]["date"] for one in cell.messages if one["msg_type"] == "comm_msg"]
    first = next(one["header"]["date"] for one in cell.messages if one["msg_type"] == "display_data")
    last = [one["header"]["date"] for one in cell.messages if one["msg_type"] == "update_display_data"][-1]
    during = [moment for moment in moments if first < moment < last]
    assert len(during) <= 5 * taken + 10
