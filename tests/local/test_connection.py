"""The connection to the service of this process."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ds_ops_magic import local
from ds_ops_magic.connector import connect
from ds_ops_magic.local.connection import LocalConnection
from ds_ops_magic.model.errors import OperationNotFound
from ds_ops_magic.model.outcome import Status


@pytest.fixture(autouse=True)
def local_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DS_OPS_MAGIC_LOCAL_DB", str(tmp_path / "ops.sqlite"))
    yield
    local.close_shared()


def test_service_is_stopped_by_name_alone() -> None:
    go_on = threading.Event()
    first, second = connect("local"), connect("local")
    assert isinstance(first.connection, LocalConnection)
    service = first.connection.service
    assert service is second.connection.service is local.shared()
    job = service.submit(go_on.wait, 20)
    for client in (first, first, second):
        client.close()
    assert local.shared() is service
    go_on.set()
    with connect("local") as third:
        assert third.wait(job).status is Status.SUCCEEDED
        with pytest.raises(OperationNotFound):
            third.get("nothing")
        assert isinstance(third.connection, LocalConnection)
        socket = Path(third.connection.endpoint.removeprefix("unix:"))
        assert socket.exists()
        third.connection.stop_service()
        assert not socket.exists()


def test_pickled_client() -> None:
    with connect("local") as client:
        operation = client.connection.service.simulate(0)
        with pickle.loads(pickle.dumps(client)) as again:  # noqa: S301  # our own
            assert again.wait(operation).done
