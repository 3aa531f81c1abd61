"""A client with a history: what it is asked about is kept, and how it ended."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata
from yandex.cloud.operation.operation_pb2 import Operation

from ds_ops_magic import connect
from ds_ops_magic.history.history import History
from ds_ops_magic.local import close_shared
from ds_ops_magic.model.errors import OperationNotFound, WaitTimeout
from tests.support.following import client_of, python, until
from tests.support.scripted import Call, ScriptedServer, Stage, message


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "history.sqlite")
    yield made
    made.close()


def states(history: History) -> dict[str, str]:
    """Return the state of each operation by id, once all that was told is written."""
    assert history.flush(10.0)
    return {record.id: record.state for record in history.records()}


def test_every_way_to_ask_is_kept(history: History) -> None:
    stage = Stage()
    stage.set("failed", done=True, error=(8, "no room"))
    with ScriptedServer(stage, lambda call: message(call.id, error=(1, "stopping"))) as server:
        with client_of(server, history=history) as client:
            client.get("got")
            with pytest.raises(WaitTimeout):
                client.wait_all(["failed", "waited for"], timeout=0)
            client.cancel("cancelled")
            client.get_all(["one", "other"])
            watch = client.watch("watched")
            until(lambda: all(watch.operations))
            watch.stop()
        assert states(history) == {
            "got": "running",
            "failed": "failed",
            "waited for": "running",
            "cancelled": "cancelling",
            "one": "running",
            "other": "running",
            "watched": "running",
        }
        assert {record.endpoint for record in history.records()} == {server.address}


def test_a_peek_is_no_use(history: History) -> None:
    stage = Stage()
    stage.set("a", done=True)

    def script(call: Call) -> object:
        return call.hang() if call.id == "silent" else stage(call)

    with ScriptedServer(script) as server, client_of(server, history=history) as client:
        watch = client.watch("a", "b", "silent")
        watch.stop()
        client.get("b")
        assert history.flush(10.0)
        before = {record.id: record.used_at for record in history.records()}
        assert set(client.peek(["a", "b", "silent"], timeout=0.3)) == {"a", "b"}
        assert states(history) == {"a": "succeeded", "b": "running", "silent": ""}
        assert {record.id: record.used_at for record in history.records()} == before


def test_what_the_service_has_forgotten_says_how_it_stood(history: History) -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, client_of(server, history=history) as client:
        client.get("op1")
        assert states(history) == {"op1": "running"}
        server.get = server.cancel = lambda call: call.refuse(grpc.StatusCode.NOT_FOUND, "no such operation")
        for ask in (client.get, client.wait, client.cancel):
            with pytest.raises(OperationNotFound) as raised:
                ask("op1")
            assert str(raised.value.args[0]).endswith("UTC: running.")
        with pytest.raises(OperationNotFound) as raised:
            client.get("typo")
        assert "last seen" not in str(raised.value)
        assert states(history) == {"op1": "running"}


def test_without_a_history_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", str(tmp_path / "history.sqlite"))
    with ScriptedServer(lambda call: message(call.id)) as server, client_of(server) as client:
        client.get("op1")
        with pytest.raises(WaitTimeout):
            client.wait("op1", timeout=0)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_of_a_client_keeps_to_the_same_history(history: History) -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, client_of(server, history=history) as client:
        copy = pickle.loads(pickle.dumps(client))  # noqa: S301
        assert copy.history.path == history.path


def test_the_service_of_this_process_has_one_name() -> None:
    with connect("local") as client:
        assert client.connection.service_key == "local" != client.connection.endpoint
    close_shared()


def test_the_view_of_a_watch_says_how_long_operations_usually_take(history: History) -> None:
    def ended(call: Call) -> Operation:
        made = message(call.id, done=True, age=60.0)
        made.metadata.Pack(CreateProjectMetadata())
        return made

    with ScriptedServer(ended) as server, client_of(server, history=history) as client:
        client.wait_all(["a", "b", "c"])
        assert history.flush(10.0)
        watch = client.watch("d")
        (durations,) = watch.view().durations.values()
        assert durations.seconds == pytest.approx((60.0, 60.0, 60.0), abs=0.1)
    with ScriptedServer(ended) as server, client_of(server) as client:
        assert client.watch("a").view().durations == {}


_LEFT = """
import sys
from tests.support.following import client_of
from ds_ops_magic.history.history import History
client = client_of(sys.argv[1], history=History(sys.argv[2]))
watch = client.watch("op1")
while not all(watch.operations):
    pass
"""


def test_a_process_that_just_ends_has_kept_what_it_saw(history: History) -> None:
    with ScriptedServer(lambda call: message(call.id)) as server:
        with python(_LEFT, server.address, history.path) as process:
            errors = process.communicate(timeout=60)[1]
        assert (process.returncode, errors) == (0, "")
    history.refresh()
    assert states(history) == {"op1": "running"}


def test_a_service_that_leaves_ids_out_of_its_answers(history: History) -> None:
    def get(call: Call) -> Operation:
        return message("", done=call.number > 2)

    with ScriptedServer(get) as server, client_of(server, history=history) as client:
        client.get("got")
        assert client.wait_all(["a", "b"], 20).succeeded
        assert states(history) == {"got": "running", "a": "succeeded", "b": "succeeded"}
