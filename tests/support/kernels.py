"""A real kernel for tests: run a cell, see every message it made, interrupt it, send it a widget message."""

from __future__ import annotations

import ast
import functools
import json
import os
import queue
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.manager import KernelManager

from tests.support.following import until

DEADLINE = 20.0
_ESCAPES = re.compile("\x1b\\[[0-9;]*m")
# What must not decide which front end the kernel sees, or where a service is.
_LEFT_OUT = ("VSCODE_PID", "JPY_SESSION_NAME", "JPY_PARENT_PID", "YC_IAM_TOKEN", "YC_TOKEN", "YC_OAUTH_TOKEN")


class Cell:
    """What became of one cell: the reply on the shell channel, and the messages on iopub in order."""

    def __init__(self, reply: dict[str, Any], messages: list[dict[str, Any]]) -> None:
        self.reply = reply
        self.messages = messages

    @property
    def status(self) -> str:
        return self.reply["status"]

    @property
    def kinds(self) -> list[str]:
        return [message["msg_type"] for message in self.messages]

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def displays(self) -> list[dict[str, Any]]:
        return [content["data"] for content in self.contents("display_data")]

    @property
    def results(self) -> list[dict[str, Any]]:
        return [content["data"] for content in self.contents("execute_result")]

    @property
    def error(self) -> dict[str, Any]:
        """The one error message; its traceback without colours."""
        (content,) = self.contents("error")
        return {**content, "traceback": [_ESCAPES.sub("", line) for line in content["traceback"]]}

    @property
    def said(self) -> str:
        return "\n".join(self.error["traceback"])

    def brief(self, ename: str) -> list[str]:
        """Return the lines of an error of this name, which are three at most."""
        assert self.reply["status"] == "error"
        assert self.error["ename"] == ename
        lines = self.said.splitlines()
        assert lines[0].startswith(f"{ename}: ")
        assert 1 <= len(lines) <= 3
        return lines

    def usage_error(self) -> str:
        """Return what a UsageError says: one line on stderr, and never a traceback."""
        assert self.reply["status"] == "error"
        assert self.reply["ename"] == "UsageError"
        assert "error" not in self.kinds
        assert self.stderr.strip().count("\n") == 0
        assert self.stderr.startswith("UsageError: ")
        return self.stderr.strip()

    def contents(self, kind: str) -> list[dict[str, Any]]:
        return [message["content"] for message in self.messages if message["msg_type"] == kind]

    def _stream(self, name: str) -> str:
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == name)

    def __repr__(self) -> str:
        return f"Cell({self.reply.get('status')}, {self.kinds}, {self.stdout!r}, {self.stderr!r})"


class Kernel:
    """A kernel in a process of its own, spoken to over its protocol."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager = manager
        self.client = client
        self.messages: list[dict[str, Any]] = []
        self._replies: dict[str, dict[str, Any]] = {}

    def run(self, code: str, *, page: bool = False) -> Cell:
        """Run a cell to its end; ``page``: as JupyterLab sends it."""
        return self.cell(self.send(code, page=page))

    def ok(self, code: str, *, page: bool = False) -> Cell:
        cell = self.run(code, page=page)
        assert cell.status == "ok", (cell, cell.contents("error"))
        return cell

    def send(self, code: str, *, page: bool = False, stop_on_error: bool = True) -> str:
        """Send a cell without waiting for it; returns the id of the request."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": stop_on_error,
        }
        return self.request("execute_request", content, {"cellId": "a", "trusted": True} if page else {})

    def request(self, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> str:
        message = self.client.session.msg(kind, content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def cell(self, request: str) -> Cell:
        self.until(lambda: self._is_idle(request))
        return Cell(self.reply(request)["content"], self.of(request))

    def reply(self, request: str) -> dict[str, Any]:
        while request not in self._replies:
            message = self.client.get_shell_msg(timeout=DEADLINE)
            self._replies[message["parent_header"]["msg_id"]] = message
        return self._replies[request]

    def of(self, request: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["parent_header"].get("msg_id") == request]

    def until(self, condition: Callable[[], Any], timeout: float = DEADLINE) -> Any:
        """Read messages until a condition is true, and return what it gives."""
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            left = deadline - time.monotonic()
            assert left > 0, f"the condition did not come true in time; the last messages: {self.messages[-5:]}"
            try:
                # In short steps: what a condition looks at may be elsewhere than in a message.
                self.messages.append(self.client.get_iopub_msg(timeout=min(left, 0.02)))
            except queue.Empty:
                continue
        return found

    def value(self, expression: str) -> Any:
        """Evaluate an expression whose value JSON can carry, leaving no trace of it."""
        content = {
            "code": "",
            "silent": True,
            "store_history": False,
            "user_expressions": {"value": f"__import__('json').dumps({expression})"},
            "allow_stdin": False,
        }
        found = self.cell(self.request("execute_request", content)).reply["user_expressions"]["value"]
        assert found["status"] == "ok", found
        return json.loads(ast.literal_eval(found["data"]["text/plain"]))

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def _is_idle(self, request: str) -> bool:
        return any(
            message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            for message in self.of(request)
        )


@contextmanager
def started(**environment: str) -> Iterator[Kernel]:
    """Start a kernel and shut it down; the arguments are added to its environment.

    It is that of this environment, or the one named by ``DS_OPS_MAGIC_TEST_KERNEL``: of another version of ipykernel.
    """
    name = os.environ.get("DS_OPS_MAGIC_TEST_KERNEL", "python3")
    inherited = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    with tempfile.TemporaryDirectory() as folder:
        # Not over TCP: the ports are free only when they are chosen, not yet when the kernel binds them.
        manager = KernelManager(kernel_name=name, transport="ipc", ip=f"{folder}/kernel")
        manager.start_kernel(env={**inherited, **environment})
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            yield Kernel(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


wait_until = functools.partial(until, timeout=DEADLINE)
