"""%op list and %op wait --last: what was followed from here, by earlier kernels too."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from IPython.core.error import UsageError

from ds_ops_magic import LocalService, Operation, OperationNotFound, Operations
from ds_ops_magic.history.history import History
from tests.magics import Op
from tests.support.kernels import started
from tests.support.scripted import ScriptedServer, message


@pytest.fixture
def earlier(shell: Any) -> Iterator[History]:
    """The history as an earlier kernel had it open."""
    history = History(os.environ["DS_OPS_MAGIC_HISTORY"])
    yield history
    history.close()


def snapshot(name: str, **how: Any) -> Operation:
    return Operation.from_proto(message(name, **how))


def said_by(shell: Any, listing: Any) -> str:
    """Return the text form of a result, as the shell shows it."""
    return str(shell.display_formatter.format(listing)[0]["text/plain"])


def test_states_are_those_of_now(op: Op, begin: Op, shell: Any) -> None:
    running, done = begin(30, description="Train"), begin(0)
    shell.magics_manager.registry["OpMagics"].session.client.get_all([running, done])  # in Python, without a line
    listing = op("list")
    assert {record.id: record.state for record in listing} == {running: "running", done: "succeeded"}
    said = said_by(shell, listing)
    assert f"● running  Train · {running}" in said
    assert f"as kept in {os.environ['DS_OPS_MAGIC_HISTORY']}" in said
    assert f"<code>{done}</code>" in shell.display_formatter.format(listing)[0]["text/html"]
    assert [record.id for record in op("list --running")] == [running]


def test_all_that_run_are_asked_about_at_once(run: Op, scripted: ScriptedServer) -> None:
    run("get a b c")
    scripted.get = lambda call: message(call.id, done=True)
    before = scripted.gets()
    listing = run("list")
    assert {record.id: record.state for record in listing} == dict.fromkeys("abc", "succeeded")
    assert scripted.gets() == before + 3
    assert list(run("list --running")) == []
    assert scripted.gets() == before + 3  # what has ended is not asked about


def test_a_clock_that_was_ahead(shell: Any, run: Op, scripted: ScriptedServer) -> None:
    ahead = History(os.environ["DS_OPS_MAGIC_HISTORY"], lambda: time.time() + 8_640_000.0)
    here = ahead.of(scripted.address)
    here.record_request(["op1", "op2"])
    here.record_snapshot(snapshot("op1"))
    ahead.close()
    assert "clock that was ahead" not in said_by(shell, run("list"))  # both are asked about
    scripted.get = lambda call: message(call.id, done=True)
    listing = run("list")
    assert {record.id: record.state for record in listing} == {"op1": "succeeded", "op2": "succeeded"}
    run("get op3")
    assert run("wait --last 1").id == "op3"


def test_limits(op: Op, begin: Op, shell: Any) -> None:
    ids = [begin(0) for _ in range(4)]
    for name in ids:
        op(f"get {name}")
    listing = op("list --limit 2")
    assert [record.id for record in listing] == [ids[3], ids[2]]
    assert "2 of 4 operations shown; --limit 4 shows all." in said_by(shell, listing)
    assert len(op("list --since 1h")) == 4
    assert len(op("list --since 0")) == 0
    assert "Nothing that was followed" in said_by(shell, op("list --since 0"))


def test_other_endpoints(op: Op, begin: Op, earlier: History, shell: Any) -> None:
    earlier.of("far.example:443").record_snapshot(snapshot("far1", age=60.0))
    earlier.record_created(snapshot("born1"))
    assert earlier.flush(10.0)
    known = begin(0)
    op(f"get {known}")
    assert {record.id for record in op("list")} == {known, "born1"}  # that may be of this one
    listing = op("list --all")
    assert {record.id for record in listing} == {known, "far1", "born1"}
    assert "at far.example:443" in said_by(shell, listing)


def test_without_a_connection(earlier: History, shell: Any, run: Op) -> None:
    shell.run_line_magic("config", "OpMagics.endpoint = '127.0.0.1:1'")
    earlier.of("far.example:443").record_snapshot(snapshot("far1"))
    earlier.of("other.example:443").record_snapshot(snapshot("other1", done=True))
    assert earlier.flush(10.0)
    listing = run("list")
    assert {record.id: record.state for record in listing} == {"far1": "running", "other1": "succeeded"}
    said = said_by(shell, listing)
    assert "Not connected, so this is how they stood when last seen: No answer from 127.0.0.1:1." in said
    assert "Followed at all endpoints" in said


def test_a_listing_can_be_waited_for(op: Op, operation_service: LocalService) -> None:
    listed = threading.Event()
    ids = [operation_service.submit(listed.wait, 20).id for _ in range(2)]
    op(f"get {ids[0]} {ids[1]}")
    op("list --running -o jobs")
    listed.set()
    ended = op("wait jobs")
    assert isinstance(ended, Operations)
    assert {operation.id for operation in ended.succeeded} == set(ids)


def test_the_last_ones_are_waited_for(op: Op, begin: Op, earlier: History) -> None:
    with pytest.raises(UsageError, match=r"no operation of .* was followed from here"):
        op("wait --last 1")
    ids = [begin(0) for _ in range(3)]
    for name in ids:
        op(f"get {name}")
    assert op("wait --last 1").id == ids[2]
    assert [found.id for found in op("wait --last 2")] == [ids[2], ids[1]]
    with pytest.raises(UsageError, match="not both"):
        op(f"wait {ids[0]} --last 1")


def test_an_id_of_another_endpoint_is_not_asked_about(earlier: History, run: Op, scripted: ScriptedServer) -> None:
    earlier.of("far.example:443").record_request(["far1"])
    earlier.of("operation.api.cloud.yandex.net:443").record_request(["cloud1"])
    earlier.of("local").record_request(["local1"])
    assert earlier.flush(10.0)
    before = scripted.gets()
    for subcommand in ("get", "wait", "watch", "cancel"):
        with pytest.raises(UsageError, match=r"far1 is of far\.example:443, and this is .* %op connect far\.exam"):
            run(f"{subcommand} mine far1")
    with pytest.raises(UsageError, match=r"Connect there first: %op connect yandex$"):
        run("get cloud1")
    assert scripted.gets() == before
    assert run("get local1").id == "local1"  # this host's services change their addresses


def test_the_last_state_of_an_unknown_operation(run: Op, scripted: ScriptedServer) -> None:
    scripted.get = lambda call: message(call.id, done=True)
    run("wait op1;")
    run("list;")
    scripted.get = lambda call: call.refuse(grpc.StatusCode.NOT_FOUND, "gone")
    for subcommand in ("get", "wait"):
        with pytest.raises(OperationNotFound, match=r"When last seen, .* UTC: succeeded\."):
            run(f"{subcommand} op1")


def test_where_the_history_is(shell: Any, run: Op, operation_service: LocalService, tmp_path: Path) -> None:
    for place in (f"{tmp_path}/mine.sqlite", "none"):
        shell.run_line_magic("config", f"OpMagics.history = '{place}'")
        run(f"connect {operation_service.address};")
        run(f"wait {operation_service.simulate(0).id};")
        assert place == "none" or f"as kept in {place}" in said_by(shell, run("list"))
    with pytest.raises(UsageError, match="no history is kept"):
        run("list")
    assert not Path(os.environ["DS_OPS_MAGIC_HISTORY"]).exists()


def test_beside_the_profile_otherwise(shell: Any, run: Op, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DS_OPS_MAGIC_HISTORY")
    assert f"as kept in {shell.profile_dir.location}/ds_ops_magic.sqlite" in said_by(shell, run("list --all"))


def test_one_warning_that_no_history_is_kept(
    shell: Any, run: Op, operation_service: LocalService, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.sqlite").write_text("no history at all" * 100)
    shell.run_line_magic("config", f"OpMagics.history = '{tmp_path}/mine.sqlite'")
    run(f"connect {operation_service.address};")
    capsys.readouterr()
    for _ in range(3):
        assert run(f"wait {operation_service.simulate(0.1).id};").done
    said = capsys.readouterr().err
    assert said.count("No history is kept, because ") == 1
    assert "it is damaged, or no history" in said


def test_ids_of_a_killed_kernel(earlier: History) -> None:
    def kept() -> set[str]:
        earlier.refresh()
        return {record.id for record in earlier.records()}

    with ScriptedServer(lambda call: message(call.id, description="Train")) as server:
        with started() as kernel:
            kernel.ok(f"%load_ext ds_ops_magic\n%op connect {server.address}")
            kernel.send("%op wait followed1 followed2")
            kernel.until(lambda: kept() == {"followed1", "followed2"})
        server.get = lambda call: message(call.id, done=True, description="Train")
        with started() as kernel:
            kernel.ok(f"%load_ext ds_ops_magic\n%op connect {server.address}")
            code = "%op wait foll"

            def matches() -> set[str]:
                request = kernel.request("complete_request", {"code": code, "cursor_pos": len(code)})
                return set(kernel.cell(request).reply["matches"])

            kernel.until(lambda: {"followed1", "followed2"} <= matches())
            (shown,) = kernel.ok("%op list").results
            assert re.search(r"succeeded  Train · followed1", shown["text/plain"])
            assert "<table>" in shown["text/html"]
            kernel.ok("last = %op wait --last 2")
            assert kernel.value("sorted(one.id for one in last)") == ["followed1", "followed2"]
