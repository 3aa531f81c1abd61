"""The history: what is kept of operations that were followed, and what is known of them later."""

from __future__ import annotations

import pickle
import sqlite3
import stat
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata

from ds_ops_magic.display import table
from ds_ops_magic.display.table import Listing
from ds_ops_magic.history.history import History
from ds_ops_magic.model.estimates import MIN_RUNS
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.view import Update
from tests.history.conftest import KIND, OpenHistory, all_of, snapshot
from tests.support.following import python, until
from tests.support.messages import job_response
from tests.support.scripted import message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profile" / "history.sqlite"


def kept(history: History) -> dict[tuple[str, str], str]:
    """Return the state of each operation, by endpoint and id, once all is written and read."""
    return {(record.endpoint, record.id): record.state for record in all_of(history)}


def test_requests_and_snapshots(open_history: OpenHistory) -> None:
    history = open_history()
    here = history.of("host:1")
    here.record_request(["op1", "op2"])
    assert kept(history) == {("host:1", "op1"): "", ("host:1", "op2"): ""}
    here.record_snapshot(snapshot("op1", description="Train"))
    here.record_snapshot(snapshot("op2", done=True, error=(8, "no room for a secret")))
    assert kept(history) == kept(open_history()) == {("host:1", "op1"): "running", ("host:1", "op2"): "failed"}
    first, second = sorted(all_of(open_history()), key=lambda record: record.id)
    assert (first.kind, first.description, first.done) == (KIND, "Train", False)
    assert (second.error, second.done) == ("RESOURCE_EXHAUSTED", True)


def test_a_program_that_failed(open_history: OpenHistory) -> None:
    history = open_history()
    here = history.of("host:1")
    here.record_snapshot(snapshot("killed", done=True, response=job_response(137)))
    for number in range(MIN_RUNS):
        here.record_snapshot(snapshot(f"failed{number}", done=True, age=600.0, response=job_response(1)))
    assert kept(history) == dict.fromkeys(kept(history), "failed")
    assert {record.error for record in all_of(history) if record.id == "killed"} == {"exit code 137"}
    assert dict(here.durations) == {}  # as with other failures
    for number in range(MIN_RUNS):
        here.record_snapshot(snapshot(f"good{number}", done=True, age=600.0, response=job_response(0, a="not found")))
    all_of(history)
    assert set(here.durations) == {KIND}


def test_no_token_is_written(open_history: OpenHistory, path: Path) -> None:
    secret = "t1." + "9euelZqM" * 40 + ".signature"
    history = open_history()
    for number, description in enumerate((f"with {secret}", "x " * 120 + secret, secret)):
        history.of("host:1").record_snapshot(snapshot(f"op{number}", description=description))
        history.record_created(snapshot(f"born{number}", description=description))
    assert "with (token)" in [record.description for record in all_of(history)]
    history.close()
    for file in path.parent.iterdir():
        assert b"9euelZqM" not in file.read_bytes()


def test_the_last_moment_of_the_calendar(open_history: OpenHistory) -> None:
    """The protobuf maximum, which services use for "never": a float rounds it up into a year that there is not."""
    last = snapshot("op1", done=True).to_proto()
    for moment in (last.created_at, last.modified_at):
        moment.FromJsonString("9999-12-31T23:59:59.999999999Z")
    history = open_history()
    history.of("host:1").record_snapshot(Operation(last))
    [record] = all_of(history)
    for kept_moment in (record.created_at, record.changed_at):
        assert kept_moment is not None
        assert datetime.fromtimestamp(kept_moment, timezone.utc).year == 9999
    assert "ended 9999-12-31 23:59:59 UTC" in table.text(Listing([record], [], time.time(), by_endpoint=False))


def test_no_payload_and_no_error_message_is_written(open_history: OpenHistory, path: Path) -> None:
    history = open_history()
    made = message("op1", done=True, error=(8, "hunter2"))
    made.metadata.Pack(CreateProjectMetadata(project_id="hunter2"))
    history.of("host:1").record_snapshot(Operation.from_proto(made))
    assert history.flush(10.0)
    files = list(path.parent.iterdir())
    assert path in files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not any(b"hunter2" in file.read_bytes() for file in files)


def test_progress_is_not_written(open_history: OpenHistory, path: Path) -> None:
    history = open_history()
    history.of("host:1").record_snapshot(snapshot())
    assert history.flush(10.0)
    with sqlite3.connect(path) as other:
        before = other.execute("PRAGMA data_version").fetchone()
        for second in range(5):
            history.of("host:1").record_snapshot(snapshot(age=second, modified=second))
        assert history.flush(10.0)
        assert other.execute("PRAGMA data_version").fetchone() == before
    other.close()


def test_order_of_records(open_history: OpenHistory) -> None:
    history = open_history()
    for name in ("a", "b", "c", "a"):
        history.of("host:1").record_request([name])
    assert history.flush(10.0)
    assert [record.id for record in history.records()] == ["a", "c", "b"]
    assert [record.id for record in all_of(open_history())] == ["a", "c", "b"]


def test_an_unknown_id_is_dropped(open_history: OpenHistory) -> None:
    history = open_history()
    here = history.of("host:1")
    here.record_request(["typo", "gone"])
    here.record_snapshot(snapshot("gone"))
    assert history.flush(10.0)
    for name in ("typo", "gone"):
        here.record_error(name, error_for("NOT_FOUND", "no such thing", name))
    assert kept(history) == kept(open_history()) == {("host:1", "gone"): "running"}


def test_not_found_says_the_last_state(open_history: OpenHistory) -> None:
    history = open_history()
    here = history.of("host:1")
    here.record_snapshot(snapshot("gone", done=True))
    assert history.flush(10.0)
    error = error_for("NOT_FOUND", "no such thing", "gone")
    before = error.args
    found = here.record_error("gone", error)
    assert str(found.args[0]).endswith(" UTC: succeeded.")
    assert (type(found), len(str(found).splitlines())) == (type(error), len(before))
    [update] = here.on_updates([Update("gone", error=error)])
    assert str(update.error) == str(found)
    assert error.args == before  # it may be of several watches


def test_other_errors_stay_as_they_are(open_history: OpenHistory) -> None:
    history = open_history()
    here = history.of("host:1")
    here.record_snapshot(snapshot("seen"))
    here.record_request(["asked"])
    assert history.flush(10.0)
    refused, unknown = error_for("PERMISSION_DENIED", "no", "seen"), error_for("NOT_FOUND", "no such thing", "asked")
    assert here.record_error("seen", refused) is refused
    updates = [
        Update("seen", after=snapshot("seen")),
        Update("seen", cancel_error=refused),
        Update("asked", error=unknown),
    ]
    assert here.on_updates(updates) == updates


def test_a_created_operation_gets_its_endpoint_later(open_history: OpenHistory) -> None:
    history = open_history()
    history.record_created(snapshot("born"))
    assert history.endpoints_of("born") == ("",)
    here = history.of("host:1")
    here.record_request(["born"])
    assert kept(open_history()) == {("", "born"): "running"}  # it may not be of this endpoint
    here.record_snapshot(snapshot("born", done=True))
    assert kept(history) == kept(open_history()) == {("host:1", "born"): "succeeded"}
    history.record_created(snapshot("born", done=True))
    assert kept(history) == {("host:1", "born"): "succeeded"}


def test_recording_does_not_wait_for_the_disk(open_history: OpenHistory, path: Path) -> None:
    history = open_history()
    assert kept(history) == {}
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        start = time.monotonic()
        history.of("host:1").record_request([f"op{number}" for number in range(1000)])
        assert not history.flush(0.05)
        for number in range(100):  # one has waited in vain: nobody else does
            history.record_created(snapshot(f"born{number}"))
        assert time.monotonic() - start < 4.0
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    until(lambda: len(kept(open_history())) == 1100)


_FORKS = """
import os, sys
from ds_ops_magic.history.history import History
history = History(sys.argv[1])
history.of("host:1").record_request(["parent"])
assert history.flush(10.0)
child = os.fork()
if child == 0:
    history.of("host:1").record_request(["child"])
    os._exit(0 if history.flush(10.0) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
history.of("host:1").record_request(["afterwards"])
history.close()
"""


def test_a_forked_child(open_history: OpenHistory, path: Path) -> None:
    with python(_FORKS, path) as process:
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
    assert {name for _, name in kept(open_history())} == {"parent", "child", "afterwards"}


def test_closing(open_history: OpenHistory) -> None:
    history = open_history()
    before = set(threading.enumerate())
    history.of("host:1").record_snapshot(snapshot())
    history.close()
    assert set(threading.enumerate()) <= before
    assert kept(open_history()) == {("host:1", "op1"): "running"}
    history.of("host:1").record_request(["later"])
    assert ("host:1", "later") in kept(history)


def test_copies_and_repr(open_history: OpenHistory, path: Path) -> None:
    assert pickle.loads(pickle.dumps(open_history())).path == path  # noqa: S301
    assert repr(open_history()) == f"<History in {str(path)!r}>"


def test_reading_makes_no_file(open_history: OpenHistory, path: Path) -> None:
    history = open_history()
    history.request_read()
    assert not path.exists()
    assert history.records() == []


def test_durations_of_earlier_processes(open_history: OpenHistory) -> None:
    history = open_history()
    here = history.of("host:1")
    for number, age in enumerate((120.0, 60.0, 180.0)):
        here.record_snapshot(snapshot(f"op{number}", age=age, done=True))
    here.record_snapshot(snapshot("failed", age=5.0, done=True, error=(8, "")))
    here.record_snapshot(snapshot("running", age=5.0))
    assert history.flush(10.0)
    for known in (history, open_history()):
        known.refresh()
        assert known.of("host:1").durations[KIND].seconds == pytest.approx((60.0, 120.0, 180.0), abs=0.1)
        assert KIND not in known.of("elsewhere").durations


def test_a_run_counts_once(open_history: OpenHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.history.record._SEEN_AGAIN", 0.0)  # so that each time is written
    first, second = open_history(), open_history()
    ended = [snapshot(name, age=60.0, done=True) for name in ("op1", "op2", "op3")]
    for each in ended:
        first.record_created(each)  # before anybody knows where
    for known in (first, second, first):
        known.refresh()
        for _ in range(3):
            for each in ended:
                known.of("host:1").record_snapshot(each)
        assert known.flush(10.0)
        assert len(known.of("host:1").durations[KIND].seconds) == 3
