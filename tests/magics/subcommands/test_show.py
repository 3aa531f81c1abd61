"""%op get and %op watch: what they return and assign, and that a watch that nobody has stops."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic import Operation, OperationNotFound, Operations, OperationsFailed, Status, Watch
from tests.magics import Op
from tests.support.following import until
from tests.support.scripted import Call, ScriptedServer, message


def test_one_or_several(op: Op, begin: Op, shell: Any) -> None:
    first, second = begin(30), begin(0)
    one = op(f"get {first}")
    assert isinstance(one, Operation)
    assert (one.id, one.status) == (first, Status.RUNNING)
    several = op(f"get {first} {second} {first}")
    assert isinstance(several, Operations)
    assert [found.id for found in several] == [first, second, first]
    shell.user_ns["jobs"] = [second]
    assert [found.id for found in op("get jobs")] == [second]


def test_without_a_target_the_last_one(op: Op, begin: Op) -> None:
    first, second = begin(0), begin(0)
    op(f"get {first}")
    assert op("wait").id == first
    op(f"wait {first} {second}")
    assert [found.id for found in op("get")] == [first, second]


@pytest.mark.parametrize("subcommand", ["get", "wait"])
def test_no_last_one(op: Op, subcommand: str) -> None:
    with pytest.raises(UsageError, match="name an operation; there is no last one yet"):
        op(subcommand)


def test_what_was_answered_is_assigned_before_the_error(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["x"] = shell.user_ns["y"] = "from before"
    with pytest.raises(OperationNotFound):
        op("get nowhere -o x")
    assert shell.user_ns["x"] is None
    known = begin(0)
    with pytest.raises(OperationsFailed):
        op(f"get {known} nowhere -o y")
    assert [found and found.id for found in shell.user_ns["y"]] == [known, None]


def test_watch_returns_at_once(op: Op, begin: Op, shell: Any) -> None:
    name = begin(30)
    watch = op(f"watch {name} -o x")
    assert isinstance(watch, Watch)
    assert shell.user_ns["x"] is watch
    assert watch.ids == (name,)
    assert not watch.done
    watch.stop()


def test_a_watch_that_nobody_has_stops(shell: Any, run: Op, scripted: ScriptedServer) -> None:
    shell.run_cell("%op watch dropped;\nw = %op watch kept;").raise_error()
    until(lambda: scripted.gets("dropped"))
    shell.run_cell("'the next cell'").raise_error()
    gc.collect()
    client = shell.magics_manager.registry["OpMagics"].session.client
    until(lambda: set(client._poller._poller._hosts.main.tracker.operations) == {"kept"})
    assert not shell.user_ns["w"].view().stopped


def test_a_watch_shown_once_waits_for_the_first_answers(run: Op, scripted: ScriptedServer) -> None:
    def slow(call: Call) -> Any:
        time.sleep(0.3)
        return message(call.id, description="Train")

    scripted.get = slow
    watch = run("watch a b")
    assert [operation.description for operation in watch.operations] == ["Train", "Train"]
    watch.stop()
