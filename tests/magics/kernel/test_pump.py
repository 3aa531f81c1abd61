"""While %op wait blocks the main thread: widget messages are handled, and all else waits its turn."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ds_ops_magic.display.comm_pump import pumped
from tests.support.scripted import ScriptedServer, message

if TYPE_CHECKING:
    from tests.support.kernels import Kernel

TARGET = """
import threading

heard, ran = [], []

def opened(comm, message):
    def handle(message):
        data = message["content"]["data"]
        if data == "raise":
            raise ValueError("a handler that fails")
        heard.append(data)
        comm.send({"heard": data, "on main": threading.current_thread() is threading.main_thread()})

    heard.append("open")
    comm.on_msg(handle)
    comm.on_close(lambda message: heard.append("close"))

get_ipython().kernel.comm_manager.register_target("test", opened)
"""


class Page:
    """Stands for a front end: sends comm messages while a cell waits for op1."""

    def __init__(self, kernel: Kernel, server: ScriptedServer) -> None:
        self.kernel = kernel
        self.server = server
        self.comm = uuid.uuid4().hex

    def begin(self, code: str = "%op wait op1", **how: bool) -> str:
        """Send a cell, and return when it waits: asked twice, it has had an answer."""
        asked = self.server.calls["get", "op1"]
        request = self.kernel.send(code, **how)
        self.kernel.until(lambda: self.server.calls["get", "op1"] >= asked + 2)
        return request

    def end(self) -> None:
        """Have op1 end, and with it the wait."""
        self.server.get = lambda call: message(call.id, done=True)

    def open(self) -> str:
        content = {"comm_id": self.comm, "target_name": "test", "data": {}}
        return self.kernel.request("comm_open", content)

    def send(self, data: Any) -> str:
        return self.kernel.request("comm_msg", {"comm_id": self.comm, "data": data})

    def echoes(self) -> list[Any]:
        """What the handler in the kernel has sent back."""
        sent = [one["content"] for one in self.kernel.messages if one["msg_type"] == "comm_msg"]
        return [content["data"]["heard"] for content in sent if content["comm_id"] == self.comm]

    def is_waiting(self, request: str) -> bool:
        return not any(one["content"].get("execution_state") == "idle" for one in self.kernel.of(request))


@pytest.fixture
def page(kernel: Kernel, server: ScriptedServer) -> Page:
    kernel.ok(TARGET)
    return Page(kernel, server)


def test_a_message_is_handled_before_the_wait_ends(page: Page, kernel: Kernel) -> None:
    page.open()
    request = page.begin("print('before')\n%op wait op1\nprint('after')")
    sent = page.send("click")
    kernel.until(lambda: page.echoes() == ["click"])
    assert page.is_waiting(request)
    page.end()
    cell = kernel.cell(request)
    assert (cell.status, cell.stdout, len(cell.displays)) == ("ok", "before\nafter\n", 1)  # the output is its own
    assert {one["msg_type"] for one in kernel.of(sent)} == {"status", "comm_msg"}
    states = [one["content"]["execution_state"] for one in kernel.of(sent) if one["msg_type"] == "status"]
    assert states == ["busy", "idle"]  # without which widgets hold their next message back
    assert kernel.value("heard") == ["open", "click"]


def test_the_whole_comm_family_is_handled_in_order(page: Page, kernel: Kernel) -> None:
    request = page.begin()
    page.open()
    for number in range(20):
        page.send(number)
    info = kernel.request("comm_info_request", {"target_name": "test"})
    kernel.request("comm_close", {"comm_id": page.comm, "data": {}})
    kernel.until(lambda: page.echoes() == list(range(20)))
    assert page.comm in kernel.reply(info)["content"]["comms"]
    assert page.is_waiting(request)
    page.end()
    assert kernel.cell(request).status == "ok"
    assert kernel.value("heard") == ["open", *range(20), "close"]


def test_cells_sent_meanwhile_run_afterwards_in_order_each_once(page: Page, kernel: Kernel) -> None:
    page.open()
    request = page.begin()
    behind = []
    for number in range(15):
        behind.append(kernel.send(f"ran.append({number})"))
        page.send(number)
    complete = kernel.request("complete_request", {"code": "ra", "cursor_pos": 2})
    last = kernel.send("ran.append('last')")
    kernel.until(lambda: page.echoes() == list(range(15)))
    assert page.is_waiting(request)
    page.end()
    first = kernel.cell(request)
    replies = [kernel.cell(one).reply for one in [*behind, last]]
    assert [reply["status"] for reply in replies] == ["ok"] * 16
    counts = [reply["execution_count"] for reply in replies]
    begun = first.reply["execution_count"]
    assert counts == list(range(begun + 1, begun + 17))
    assert "ran" in kernel.cell(complete).reply["matches"]
    assert kernel.value("ran") == [*range(15), "last"]


def test_a_cell_that_waits_among_cells_that_wait(page: Page, kernel: Kernel) -> None:
    request = page.begin("%op wait op1\nran.append(1)")
    behind = [kernel.send(f"%op wait op1\nran.append({number})") for number in (2, 3)]
    after = kernel.send("ran.append(4)")
    page.end()
    assert [kernel.cell(one).status for one in [request, *behind, after]] == ["ok"] * 4
    assert kernel.value("ran") == [1, 2, 3, 4]


def test_cells_behind_a_wait_that_fails_do_not_run(page: Page, kernel: Kernel) -> None:
    request = page.begin()
    behind = [kernel.send(f"ran.append({number})") for number in range(3)]
    page.server.get = lambda call: message(call.id, done=True, error=(13, "broken"))
    assert kernel.cell(request).error["ename"] == "OperationFailed"
    assert [kernel.cell(one).status for one in behind] == ["aborted"] * 3
    assert kernel.value("ran") == []
    assert kernel.ok("ran.append('again')").status == "ok"


def test_a_handler_that_fails_and_messages_after_the_wait(page: Page, kernel: Kernel) -> None:
    page.open()
    request = page.begin()
    page.send("raise")
    page.send("during")
    kernel.until(lambda: page.echoes() == ["during"])
    page.end()
    assert kernel.cell(request).status == "ok"
    page.send("after")
    kernel.until(lambda: page.echoes() == ["during", "after"])
    assert kernel.value("heard") == ["open", "during", "after"]


def test_the_button_cancels_while_the_cell_blocks(page: Page, kernel: Kernel) -> None:
    request = page.begin(page=True)

    def button() -> Any:
        opened = [one["content"] for one in kernel.of(request) if one["msg_type"] == "comm_open"]
        return [one["comm_id"] for one in opened if "Cancel op1" in str(one["data"]["state"].get("tooltip"))]

    (comm,) = kernel.until(button)
    content = {"method": "custom", "content": {"event": "click"}}
    kernel.request("comm_msg", {"comm_id": comm, "data": content})
    cell = kernel.cell(request)
    assert cell.error["ename"] == "OperationCancelled"
    assert page.server.calls["cancel", "op1"] == 1


@pytest.mark.parametrize("kernel_of_another_kind", [None, SimpleNamespace(), SimpleNamespace(shell_stream=None)])
def test_where_ipykernel_is_another_nothing_is_pumped(kernel_of_another_kind: Any) -> None:
    with pumped(SimpleNamespace(kernel=kernel_of_another_kind)) as turn:
        turn()


def test_on_another_thread_a_wait_is_only_a_wait(page: Page, kernel: Kernel) -> None:
    page.end()
    kernel.ok(
        "done = []\n"
        "def work():\n    done.append(get_ipython().run_line_magic('op', 'wait op1 --quiet').done)\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join(20)"
    )
    assert kernel.value("done") == [True]
