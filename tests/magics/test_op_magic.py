"""The magic in a shell of one's own, against a LocalService: what it returns, binds, raises and prints."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic import (
    Operation,
    OperationFailed,
    OperationNotFound,
    Operations,
    OperationsFailed,
    Status,
    WaitTimeout,
    Watch,
)
from tests.support.following import until
from tests.support.scripted import Call, ScriptedServer, message

Op = Callable[..., Any]


def test_get_returns_one_or_several(op: Op, begin: Op, shell: Any) -> None:
    first, second = begin(30), begin(0)
    one = op(f"get {first}")
    assert isinstance(one, Operation)
    assert (one.id, one.status) == (first, Status.RUNNING)
    several = op(f"get {first} {second} {first}")
    assert isinstance(several, Operations)
    assert [found.id for found in several] == [first, second, first]
    shell.user_ns["jobs"] = [second]
    assert [found.id for found in op("get jobs")] == [second]


def test_get_and_wait_without_a_target_mean_the_last_one(op: Op, begin: Op) -> None:
    first, second = begin(0), begin(0)
    op(f"get {first}")
    assert op("wait").id == first
    op(f"wait {first} {second}")
    assert [found.id for found in op("get")] == [first, second]


@pytest.mark.parametrize("subcommand", ["get", "wait"])
def test_without_a_last_one_a_target_is_asked_for(op: Op, subcommand: str) -> None:
    with pytest.raises(UsageError, match="name an operation; there is no last one yet"):
        op(subcommand)


def test_what_is_asked_for_cannot_be_had(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["x"] = shell.user_ns["y"] = "from before"
    with pytest.raises(OperationNotFound):
        op("get nowhere -o x")
    assert shell.user_ns["x"] is None
    known = begin(0)
    with pytest.raises(OperationsFailed):
        op(f"get {known} nowhere -o y")
    assert [found and found.id for found in shell.user_ns["y"]] == [known, None]


def test_wait_returns_the_end(op: Op, begin: Op, capsys: pytest.CaptureFixture[str]) -> None:
    operation = op(f"wait {begin(0.3, description='Train a model')}")
    assert operation.status is Status.SUCCEEDED
    assert "✓ succeeded  Train a model" in capsys.readouterr().out


def test_wait_for_a_hundred(op: Op, begin: Op, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.user_ns["ids"] = [begin(0.005 * number) for number in range(100)]
    operations = op("wait ids")
    assert [operation.id for operation in operations] == shell.user_ns["ids"]
    assert len(operations.succeeded) == 100
    assert "100 operations: 100 succeeded" in capsys.readouterr().out


def test_a_failure_is_raised_after_the_name_is_bound(op: Op, begin: Op, shell: Any) -> None:
    failing = begin(0, outcome="failure")
    with pytest.raises(OperationFailed):
        op(f"wait {failing} -o x")
    assert shell.user_ns["x"].status is Status.FAILED
    with pytest.raises(OperationsFailed):
        op(f"wait {failing} {begin(0)} -o y")
    assert [found.status for found in shell.user_ns["y"]] == [Status.FAILED, Status.SUCCEEDED]


def test_no_raise_returns_the_last_snapshots(op: Op, begin: Op) -> None:
    failing = begin(0, outcome="failure")
    assert op(f"wait {failing} --no-raise").status is Status.FAILED
    assert op("wait nowhere --no-raise") is None
    assert [found and found.id for found in op(f"wait nowhere {failing} --no-raise")] == [None, failing]
    assert op(f"wait {begin(30)} --timeout 0 --no-raise").status is Status.RUNNING


@pytest.mark.parametrize("line", ["wait {name} --timeout 0.1", "wait {name} --timeout 0", "wait {name}"])
def test_a_timeout_is_raised_and_nothing_is_cancelled(op: Op, begin: Op, shell: Any, line: str) -> None:
    shell.run_line_magic("config", "OpMagics.timeout = 0.2")
    name = begin(30)
    with pytest.raises(WaitTimeout, match="Nothing was cancelled"):
        op(line.format(name=name) + " -o x")
    assert shell.user_ns["x"].status is Status.RUNNING
    assert op(f"get {name}").status is Status.RUNNING


def test_any_returns_at_the_first_end_whichever_it_is(op: Op, begin: Op) -> None:
    slow = op(f"get {begin(30)}").id
    for outcome in ("success", "failure"):
        first, second = op(f"wait {slow} {begin(0, outcome=outcome)} --any")
        assert first is None or not first.done  # perhaps not seen yet
        assert second.done


def test_fail_fast_raises_at_the_first_failure(op: Op, begin: Op) -> None:
    slow, failing = begin(30), begin(0.1, outcome="failure")
    with pytest.raises(OperationsFailed, match="1 of 2 operations failed") as caught:
        op(f"wait {slow} {failing} --fail-fast")
    assert [found.status for found in caught.value.operations] == [Status.RUNNING, Status.FAILED]


@pytest.mark.parametrize("hide", [" --quiet", ";", " ;"])
def test_what_is_hidden_is_returned_all_the_same(
    op: Op, begin: Op, hide: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert op(f"wait {begin(0)}{hide}").done
    assert capsys.readouterr().out == ""


def test_the_display_can_be_text_or_none(op: Op, begin: Op, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("config", "OpMagics.display = 'none'")
    op(f"wait {begin(0)}")
    assert capsys.readouterr().out == ""
    shell.run_line_magic("config", "OpMagics.display = 'text'")
    op(f"wait {begin(0)}")
    assert "✓ succeeded" in capsys.readouterr().out


def test_watch_returns_at_once(op: Op, begin: Op, shell: Any) -> None:
    name = begin(30)
    watch = op(f"watch {name} -o x")
    assert isinstance(watch, Watch)
    assert shell.user_ns["x"] is watch
    assert watch.ids == (name,)
    assert not watch.done
    watch.stop()


def test_a_watch_that_nobody_holds_and_nothing_shows_stops(shell: Any) -> None:
    with ScriptedServer(lambda call: message(call.id)) as server:
        shell.run_line_magic("op", f"connect {server.address};")
        shell.run_cell("%op watch dropped;\nw = %op watch kept;").raise_error()
        until(lambda: server.gets("dropped"))
        shell.run_cell("'the next cell'").raise_error()
        gc.collect()
        client = shell.magics_manager.registry["OpMagics"].session.client
        until(lambda: set(client._poller._poller._followed) == {"kept"})
        assert not shell.user_ns["w"].view().stopped


def test_a_watch_that_no_page_will_show_is_shown_with_its_first_answers(shell: Any) -> None:
    def slow(call: Call) -> Any:
        time.sleep(0.3)
        return message(call.id, description="Train")

    with ScriptedServer(slow) as server:
        shell.run_line_magic("op", f"connect {server.address};")
        watch = shell.run_line_magic("op", "watch a b")
        assert [operation.description for operation in watch.operations] == ["Train", "Train"]
        watch.stop()


def test_an_assignment_and_a_cell(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["begin"] = begin
    shell.run_cell(f"x = %op wait {begin(0)}").raise_error()
    assert shell.user_ns["x"].done
    shell.run_cell("%%op wait -o y\njob = begin(0.1)").raise_error()
    assert shell.user_ns["y"].id == shell.user_ns["job"]
    shell.run_cell("%%op wait -o z\n[begin(0), begin(0)]").raise_error()
    assert len(shell.user_ns["z"].succeeded) == 2


def test_a_line_in_a_function_means_the_variables_of_the_function(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["begin"] = begin
    shell.run_cell(
        "job = begin(60, description='precious')\n"
        "def stop(job):\n"
        "    %op cancel job\n"
        "    several = [job]\n"
        "    found = %op get {[name for name in several if name in several]}\n"
        "    return found[0]\n"
        "stopped = stop(begin(60))\n"
        "kept = %op get job"
    ).raise_error()
    assert shell.user_ns["stopped"].status in (Status.FAILING, Status.CANCELLED)
    assert shell.user_ns["kept"].status is Status.RUNNING


@pytest.mark.parametrize(
    ("line", "cell", "said"),
    [
        ("wait", "for i in ():\n    pass", "the cell was not run: it gives nothing to wait for"),
        ("wait", "pass", "the cell was not run: it gives nothing to wait for"),
        ("wait", "3", "what the cell gives is no operation but an int"),
        ("wait", "None", "what the cell gives is no operation but None"),
        ("wait", "[]", "what the cell gives holds no operation"),
        ("wait x", "x = 1", "waits for what the cell gives: name no target"),
        ("get", "x = 1", "write %%op wait"),
        ("", "x = 1", "write %%op wait"),
        ("cancel", "x = 1", "write %%op wait"),
    ],
)
def test_cells_that_are_refused(op: Op, shell: Any, line: str, cell: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        shell.run_cell_magic("op", line, cell)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("frobnicate", "%op has no 'frobnicate': it has connect, get, wait"),
        ("wait {", "} is missing"),
        ("wait {None}", "no operation but None"),
        ("wait {}", "cannot be evaluated"),
        ("wait a --timeout soon", "no length of time"),
        ("cancel", "required: TARGET"),
        ("connect {1/0}", "cannot be evaluated: ZeroDivisionError"),
    ],
)
def test_bad_input_gets_one_sentence(op: Op, line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        op(line)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_is_printed(op: Op, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("", "help", "-h", "--help", "help;"):
        assert op(line) is None
        assert capsys.readouterr().out.startswith("%op follows long-running operations.")
    for line in ("help wait", "wait -h", "wait --help"):
        assert op(line) is None
        assert capsys.readouterr().out.startswith("usage: %op wait")
