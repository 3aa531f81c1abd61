"""LocalService: its life, its files, and what it makes."""

from __future__ import annotations

import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import grpc
import pytest

from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import CancelNotSupported, InvalidOperationId, OperationNotFound, OperationsError
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import calling, ended, mode, status_of, until_cancelled, wait_until


def nothing_runs():
    ours = ("ds_ops_magic job", "ds_ops_magic service")
    return not any(thread.name.startswith(ours) for thread in threading.enumerate())


def test_default_socket_is_private():
    with LocalService() as service:
        listens = Path(service.address.removeprefix("unix:"))
        assert stat.S_ISSOCK(listens.stat().st_mode)
        assert mode(listens.parent) == 0o700
        assert (mode(listens) & 0o077, mode(service.path)) == (0, 0o600)
        assert service.path.parent == listens.parent
        service.submit(lambda: None)
    assert not listens.parent.exists()


def test_named_database(path):
    with LocalService(path) as service:
        assert service.path == path
        done = service.simulate(0)
        running = service.simulate(1000)
        folder = Path(service.address.removeprefix("unix:")).parent
        assert folder != path.parent
    assert not folder.exists()
    assert mode(path) == 0o600
    with LocalService(str(path)) as again:
        assert [(found.id, found.done) for found in again.operations()] == [(running.id, False), (done.id, True)]
        assert again.get(done.id).status is Status.SUCCEEDED
        assert again.get(running.id).status is Status.RUNNING


def test_symbolic_link_to_the_database(tmp_path):
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "other.sqlite").symlink_to(tmp_path / "ops.sqlite")
    with LocalService(tmp_path / "ops.sqlite") as one, LocalService(tmp_path / "link" / "other.sqlite") as two:
        operation = one.submit(until_cancelled)
        assert not two.get(operation.id).done, "the lock of its owner is found by either name"
        two.cancel(operation.id)
        assert ended(one, operation.id).status is Status.CANCELLED


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_address_has_the_port(listen):
    with LocalService(listen=listen) as service, calling(service.address) as caller:
        assert int(service.address.rpartition(":")[2]) > 0
        assert caller.get(service.simulate(0).id).done


def test_named_socket(tmp_path):
    address = f"unix:{tmp_path}/mine.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(f"{tmp_path}/mine.sock")
    with LocalService(listen=address) as service, calling(address) as caller:
        assert service.address == address
        assert caller.get(service.simulate(0).id).done
        with pytest.raises(OperationsError, match="already in use"):
            LocalService(listen=address).start()
        assert caller.get(service.simulate(0).id).done, "the second left the first alone"
    assert not (tmp_path / "mine.sock").exists()


def test_address_in_use(tmp_path, monkeypatch, capfd):
    with LocalService(listen="127.0.0.1:0") as service:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with pytest.raises(OperationsError) as caught:
            LocalService(listen=service.address).start()
        assert str(caught.value) == f"Cannot listen on '{service.address}': Address already in use."
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_long_temporary_folder(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with LocalService() as service, calling(service.address) as caller:
        assert caller.get(service.simulate(0).id).done


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"listen": "0.0.0.0:0"}, r"neither loopback nor unix:PATH.*\.$"),
        *(({"token": token}, "token") for token in ("", "a\nb", "ключ")),
    ],
)
def test_invalid_arguments(arguments, why):
    with pytest.raises(ValueError, match=why):
        LocalService(**arguments)


def test_start_and_close_twice():
    service = LocalService()
    service.close()
    assert service.start() is service.start()
    address, operation = service.address, service.simulate(60)
    with calling(address) as caller:
        assert caller.get(operation.id)
        service.close()
        service.close()
        assert status_of(caller.get, operation.id)[0] is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(OperationsError, match="not started"):
        service.simulate()
    with service:
        assert service.address != address
        with calling(service.address) as caller:
            assert caller.get(service.simulate(0).id).done


def test_close_cancels_jobs(path):
    go_on, began_too, ran = threading.Event(), threading.Event(), threading.Event()

    def deaf():
        began_too.set()
        return go_on.wait(20)

    service = LocalService(path).start()
    listening = service.submit(until_cancelled)
    stubborn = service.submit(deaf)
    for _ in range(40):
        service.submit(go_on.wait, 20)
    dropped = service.submit(ran.set)
    wait_until(lambda: service.get(listening.id).progress.text == "waiting")
    assert began_too.wait(20)
    began = time.monotonic()
    service.close()
    assert time.monotonic() - began < 2
    with LocalService(path) as again:
        assert again.get(listening.id).status is Status.CANCELLED
        assert again.get(dropped.id).status is Status.CANCELLED, "it had not begun"
        assert not again.get(stubborn.id).done, "its thread lives, and says so"
        go_on.set()
        assert ended(again, stubborn.id).status is Status.SUCCEEDED
    wait_until(nothing_runs)
    assert not ran.is_set()


def test_errors(service):
    with pytest.raises(OperationNotFound):
        service.get("loc00000000000000000")
    with pytest.raises(InvalidOperationId):
        service.get("")
    with pytest.raises(CancelNotSupported):
        service.cancel(service.simulate(60, outcome="no-cancel").id)


def test_returned_types(service):
    operation = service.simulate(duration=60, steps=3, outcome="success", description="d")
    assert isinstance(operation, Operation)
    assert (operation.status, operation.progress.text) == (Status.RUNNING, "step 0 of 3")
    assert isinstance(service.operations(), Operations)
    assert repr(service) == f"LocalService({service.address})"


@pytest.mark.parametrize("wrong", [None, 7, b"Train", ["Train"], "я" * 257])
def test_invalid_description(service, wrong):
    expected = f"description is a string of at most 256 characters, not {wrong!r}."
    if isinstance(wrong, str):
        expected = "A description has at most 256 characters, and this one has 257."
    for make in (service.simulate, lambda **how: service.submit(print, **how)):
        with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
            make(description=wrong)
    assert service.operations() == []


@pytest.mark.parametrize(("given", "kept"), [("я" * 256, "я" * 256), ("a\ud800b", "a?b")])
def test_description(service, given, kept):
    assert service.get(service.simulate(description=given).id).description == kept


def test_import_without_grpc():
    code = (
        "import sys, ds_ops_magic.local as local\n"
        "local.LocalService, local.shared, local.Reporter, local.JobCancelled\n"
        "assert 'grpc' not in sys.modules\n"
        "local.LocalService().start().close()\n"
        "assert 'grpc' in sys.modules\n"
        "assert 'IPython' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_simulation_of_a_job(service):
    operation = service.simulate(0, return_code=137, graceful=2, file_errors=["a.txt"], log=["x"], description="Train")
    end = service.get(operation.id)
    assert end.response.result.return_code == 137
    assert [error.output_file_desc.path for error in end.response.output_files_errors] == ["a.txt"]
    assert end.metadata.job.job_parameters.graceful_shutdown_parameters.timeout.ToSeconds() == 2
    assert end.metadata.job.name == "Train"


@pytest.mark.parametrize(
    "wrong", [{"log": ["a\nb"]}, {"log": "text"}, {"return_code": 1.5}, {"graceful": -1}, {"file_errors": "a.txt"}]
)
def test_simulation_that_cannot_be(service, wrong):
    with pytest.raises(ValueError, match=r"^[^\n]*\.$"):
        service.simulate(1, **wrong)
    assert len(service.operations()) == 0
