"""The one service of a process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ds_ops_magic.local import close_shared, shared
from ds_ops_magic.model.errors import OperationsError
from tests.support.local_service import calling, mode, script


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.delenv("DS_OPS_MAGIC_LOCAL_DB", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield tmp_path / "state"
    close_shared()


def test_one_per_process(state):
    service = shared()
    assert service is shared()
    assert service.path == state / "ds_ops_magic" / "local.sqlite"
    assert mode(service.path.parent) == 0o700
    operation = service.simulate(0)
    close_shared()
    close_shared()
    again = shared()
    assert again is not service
    assert again.get(operation.id).done


def test_one_for_all_threads():
    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(lambda _: shared(), range(32))))) == 1


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [
        ("XDG_STATE_HOME", "", "home/.local/state/ds_ops_magic/local.sqlite"),
        ("XDG_STATE_HOME", "relative/is/ignored", "home/.local/state/ds_ops_magic/local.sqlite"),
        ("DS_OPS_MAGIC_LOCAL_DB", "~/new/mine.sqlite", "home/new/mine.sqlite"),
    ],
)
def test_path_from_environment(monkeypatch, tmp_path, variable, value, path):
    monkeypatch.setenv(variable, value)
    assert shared().path == tmp_path / path


def test_unwritable_folder(state):
    state.write_text("a file in the place of the folder")
    service = shared()
    with calling(service.address) as caller:
        assert caller.get(service.simulate(0).id).done
    path = service.path
    assert path.exists()
    close_shared()
    assert not path.exists()


def test_not_a_database(state):
    path = state / "ds_ops_magic" / "local.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 5000)
    with pytest.raises(OperationsError, match="not a database"):
        shared()
    path.unlink()
    assert shared().path == path


_FORKS = """
import os
from ds_ops_magic import connect
from ds_ops_magic.local import close_shared, shared
service = shared()
address, operation = service.address, service.simulate(60)
with connect(address) as client:
    assert client.get(operation.id)
child = os.fork()
if child == 0:
    own = shared()
    assert own is not service
    assert own.address != address
    with connect(own.address) as client:
        assert client.cancel(operation.id).status_word == "cancelling"
    close_shared()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert shared() is service
with connect(address) as client:
    assert client.get(operation.id).error.code == 1, "the child cancelled it"
"""


def test_forked_child():
    with script(_FORKS) as process:
        assert process.wait(30) == 0
