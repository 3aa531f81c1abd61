"""%op watch: it returns at once, and stops when nobody holds it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from ds_ops_magic import (
    Watch,
)
from tests.support.following import until
from tests.support.scripted import Call, ScriptedServer, message

Op = Callable[..., Any]


def test_it_returns_at_once(op: Op, begin: Op, shell: Any) -> None:
    name = begin(30)
    watch = op(f"watch {name} -o x")
    assert isinstance(watch, Watch)
    assert shell.user_ns["x"] is watch
    assert watch.ids == (name,)
    assert not watch.done
    watch.stop()


def test_held_by_nobody_it_stops(shell: Any) -> None:
    with ScriptedServer(lambda call: message(call.id)) as server:
        shell.run_line_magic("op", f"connect {server.address};")
        shell.run_cell("%op watch dropped;\nw = %op watch kept;").raise_error()
        until(lambda: server.gets("dropped"))
        shell.run_cell("'the next cell'").raise_error()
        gc.collect()
        client = shell.magics_manager.registry["OpMagics"].session.client
        until(lambda: set(client._poller._poller._tracker.operations) == {"kept"})
        assert not shell.user_ns["w"].view().stopped


def test_shown_once_it_waits_for_the_first_answers(shell: Any) -> None:
    def slow(call: Call) -> Any:
        time.sleep(0.3)
        return message(call.id, description="Train")

    with ScriptedServer(slow) as server:
        shell.run_line_magic("op", f"connect {server.address};")
        watch = shell.run_line_magic("op", "watch a b")
        assert [operation.description for operation in watch.operations] == ["Train", "Train"]
        watch.stop()
