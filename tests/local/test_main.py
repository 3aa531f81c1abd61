"""``python -m ds_ops_magic.local`` as a real process."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import yandexcloud
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from ds_ops_magic.local import LocalService
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import calling, ended, wait_until

_COMMAND = [sys.executable, "-m", "ds_ops_magic.local"]


@contextmanager
def running(*arguments, end=signal.SIGTERM, stdout=subprocess.PIPE):
    process = subprocess.Popen([*_COMMAND, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
            process.send_signal(end)
            assert process.wait(20) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def printed(process, beginning):
    line = process.stdout.readline()
    assert line.startswith(beginning), line
    return line.removeprefix(beginning).strip()


def failed(*arguments):
    done = subprocess.run([*_COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=20)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_retention_options(tmp_path):
    database = tmp_path / "ops.sqlite"
    with LocalService(database) as service:
        running_operation, *_ = [service.simulate(1000 - number, outcome="success") for number in range(3)]
        for _ in range(3):
            ended(service, service.submit(int).id)
    with running("--db", database, "--no-token", "--keep", 1, "--keep-days", 0.5) as process:
        printed(process, "listening on ")
        with LocalService(database) as service:
            assert sum(operation.done for operation in service.operations()) == 1
            assert not service.get(running_operation.id).done
    assert failed("--keep-days", -1)[0] == failed("--keep", "many")[0] == 2


def test_demo_with_the_sdk():
    with running("--listen", "127.0.0.1:0", "--no-token", "--demo") as process:
        address = printed(process, "listening on ")
        demo = {}
        for _ in range(5):
            operation_id, outcome, description = process.stdout.readline().rstrip("\n").split(None, 2)
            assert re.fullmatch("loc[a-z0-9]{17}", operation_id)
            demo[outcome] = operation_id, description
        assert sorted(demo) == ["cancelled", "failing", "failure", "no-cancel", "success"]
        stub = yandexcloud.SDK(iam_token="x").client(OperationServiceStub, insecure=True, endpoint=address)

        def get(operation_id):
            return Operation(stub.Get(GetOperationRequest(operation_id=operation_id)))

        for operation_id, description in demo.values():
            found = get(operation_id)
            assert (found.id, found.description, found.status) == (operation_id, description, Status.RUNNING)
            assert found.progress.fraction is not None
        for outcome in ("success", "failure", "failing", "cancelled"):
            answer = Operation(stub.Cancel(CancelOperationRequest(operation_id=demo[outcome][0])))
            assert (answer.status_word, answer.error.code) == ("cancelling", 1)
        for outcome in ("success", "failure", "failing", "cancelled"):
            wait_until(lambda found=demo[outcome][0]: get(found).status is Status.CANCELLED)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Cancel(CancelOperationRequest(operation_id=demo["no-cancel"][0]))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert get(demo["no-cancel"][0]).status is Status.RUNNING


def test_token_file(tmp_path):
    path = tmp_path / "ops.sqlite"
    with running("--listen", "127.0.0.1:0", "--db", path, end=signal.SIGINT) as process:
        address, token_file = printed(process, "listening on "), Path(printed(process, "token in "))
        assert token_file == tmp_path / "ops.sqlite.token"
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        token = token_file.read_text().strip()
        assert len(token) >= 32
        with LocalService(path) as service:
            operation = service.simulate(0)
        with calling(address, token) as caller:
            assert caller.get(operation.id).done
        with calling(address) as caller, pytest.raises(grpc.RpcError) as caught:
            caller.get(operation.id)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert path.exists()


def test_token_file_that_is_a_link(tmp_path):
    before, named = tmp_path / "before", tmp_path / "token"
    before.write_text("mine")
    named.symlink_to(before)
    with running("--db", tmp_path / "ops.sqlite", "--token-file", named) as process:
        printed(process, "listening on 127.0.0.1:")
        assert printed(process, "token in ") == str(named)
        assert not named.is_symlink()
        assert stat.S_IMODE(named.stat().st_mode) == 0o600
    assert before.read_text() == "mine"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["before", "ops.sqlite", "token"]


def test_temporary_database(tmp_path):
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(tmp_path)
    try:
        with running("--listen", f"unix:{tmp_path}/x.sock") as process:
            assert printed(process, "listening on ") == f"unix:{tmp_path}/x.sock"
            assert Path(printed(process, "token in ")).is_relative_to(tmp_path)
    finally:
        os.environ.pop("TMPDIR")
        if before is not None:
            os.environ["TMPDIR"] = before
    assert list(tmp_path.iterdir()) == []


def test_closed_stdout(tmp_path):
    path, address = tmp_path / "ops.sqlite", f"unix:{tmp_path}/x.sock"
    reading, writing = os.pipe()
    os.close(reading)
    with (
        open(writing, "w") as nobody,
        running("--no-token", "--demo", "--db", path, "--listen", address, stdout=nobody),
    ):
        wait_until(path.exists)
        with LocalService(path) as service:
            last = wait_until(lambda: len(found := service.operations()) == 5 and found[0])
        with calling(address) as caller:
            assert caller.get(last.id).id == last.id


def test_restart_after_kill(tmp_path):
    path, address = tmp_path / "ops.sqlite", f"unix:{tmp_path}/x.sock"
    arguments = ["--listen", address, "--db", path, "--no-token", "--demo"]
    first = subprocess.Popen(
        [*_COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with first:
        printed(first, "listening on ")
        operation_id = first.stdout.readline().split()[0]
        first.kill()
    with running(*arguments[:-1]) as process:
        printed(process, "listening on ")
        with calling(address) as caller:
            assert caller.get(operation_id).id == operation_id


@pytest.mark.parametrize("arguments", [["0.0.0.0:0"], ["0.0.0.0:0", "--no-token"]])
def test_other_machines(arguments):
    code, message = failed("--listen", *arguments)
    assert code == 2
    assert "neither loopback nor unix:PATH" in message


@pytest.mark.parametrize(
    "arguments",
    [["--listen", "nonsense"], ["--nonsense"], ["--no-token", "--token-file", "x"]],
)
def test_bad_arguments(arguments):
    assert failed(*arguments)[0] == 2


def test_unwritable_files(tmp_path):
    code, message = failed("--db", tmp_path / "no" / "ops.sqlite")
    assert (code, "cannot be used as a database" in message) == (1, True)
    code, message = failed("--token-file", tmp_path / "no" / "token")
    assert (code, "cannot be written: No such file or directory." in message) == (1, True)
