"""``python -m ds_ops_magic.local`` as a real process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import yandexcloud
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import GetProjectJobRequest, ReadProjectJobLogsRequest
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2_grpc import ProjectJobServiceStub
from yandex.cloud.endpoint.api_endpoint_service_pb2 import GetApiEndpointRequest
from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import ApiEndpointServiceStub
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from ds_ops_magic.local import LocalService
from ds_ops_magic.local.job_messages import job_id_of
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status
from tests.support.certificates import Authority
from tests.support.local_service import calling, ended, mode, status_of, wait_until

_COMMAND = [sys.executable, "-m", "ds_ops_magic.local"]


@contextmanager
def running(*arguments, end=signal.SIGTERM, stdout=subprocess.PIPE):
    process = subprocess.Popen([*_COMMAND, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
            process.send_signal(end)
            assert process.wait(20) == (-end if end is signal.SIGKILL else 0)
            assert process.stderr.read() == ""
        finally:
            process.kill()


def printed(process, beginning):
    line = process.stdout.readline()
    assert line.startswith(beginning), line
    return line.removeprefix(beginning).strip()


def test_retention_options(path):
    with LocalService(path) as service:
        running_operation, *_ = [service.simulate(1000 - number, outcome="success") for number in range(3)]
        for _ in range(3):
            ended(service, service.submit(int).id)
    with running("--db", path, "--no-token", "--keep", 1, "--keep-days", 0.5) as process:
        printed(process, "listening on ")
        with LocalService(path) as service:
            assert sum(operation.done for operation in service.operations()) == 1
            assert not service.get(running_operation.id).done


def test_demo_with_the_sdk():
    with running("--listen", "127.0.0.1:0", "--no-token", "--demo") as process:
        address = printed(process, "listening on ")
        demo = {}
        for _ in range(6):
            operation_id, outcome, description = process.stdout.readline().rstrip("\n").split(None, 2)
            assert re.fullmatch("loc[a-z0-9]{17}", operation_id)
            demo[outcome] = operation_id, description
        assert sorted(demo) == ["cancelled", "exit-137", "failing", "failure", "no-cancel", "success"]
        stub = yandexcloud.SDK(iam_token="x").client(OperationServiceStub, insecure=True, endpoint=address)

        def get(operation_id):
            return Operation(stub.Get(GetOperationRequest(operation_id=operation_id)))

        for operation_id, description in demo.values():
            found = get(operation_id)
            assert (found.id, found.description, found.status) == (operation_id, description, Status.RUNNING)
            assert found.progress.fraction is not None
        for outcome in ("success", "failure", "failing", "cancelled", "exit-137"):
            answer = Operation(stub.Cancel(CancelOperationRequest(operation_id=demo[outcome][0])))
            assert (answer.status_word, answer.error.code) == ("cancelling", 1)
        for outcome in ("success", "failure", "failing", "cancelled", "exit-137"):
            wait_until(lambda found=demo[outcome][0]: get(found).status is Status.CANCELLED)
        refused = status_of(stub.Cancel, CancelOperationRequest(operation_id=demo["no-cancel"][0]))
        assert refused[0] is grpc.StatusCode.UNIMPLEMENTED
        assert get(demo["no-cancel"][0]).status is Status.RUNNING


def test_demo_job_that_is_killed():
    with running("--no-token", "--demo") as process:
        address = printed(process, "listening on ")
        *_, last = (process.stdout.readline() for _ in range(6))
        with grpc.insecure_channel(address) as channel:
            stub = ProjectJobServiceStub(channel)
            job_id = job_id_of(last.split()[0])
            assert stub.Get(GetProjectJobRequest(job_id=job_id)).name.startswith("Train a model that needs")
            answers = stub.ReadLogs(ReadProjectJobLogsRequest(job_id=job_id), timeout=20)
            assert next(answers).logs[0].content == b"loading the data set\n"
            answers.cancel()


def test_tls(tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.files(tmp_path, "localhost", "127.0.0.1")
    with running("--no-token", "--tls-cert", certificate, "--tls-key", key) as process:
        address = printed(process, "listening on ")
        credentials = grpc.ssl_channel_credentials(authority.certificate)
        with grpc.secure_channel(address, credentials) as channel:
            found = ApiEndpointServiceStub(channel).Get(GetApiEndpointRequest(api_endpoint_id="operation"), timeout=20)
            assert found.address == address


def test_token_file(path):
    with running("--listen", "127.0.0.1:0", "--db", path, end=signal.SIGINT) as process:
        address, token_file = printed(process, "listening on "), Path(printed(process, "token in "))
        assert token_file == path.with_name("ops.sqlite.token")
        assert mode(token_file) == 0o600
        token = token_file.read_text().strip()
        assert len(token) >= 32
        with LocalService(path) as service:
            operation = service.simulate(0)
        with calling(address, token) as caller:
            assert caller.get(operation.id).done
        with calling(address) as caller:
            assert status_of(caller.get, operation.id)[0] is grpc.StatusCode.UNAUTHENTICATED
    assert path.exists()


def test_token_file_that_is_a_link(tmp_path):
    before, named = tmp_path / "before", tmp_path / "token"
    before.write_text("mine")
    named.symlink_to(before)
    with running("--db", tmp_path / "ops.sqlite", "--token-file", named) as process:
        printed(process, "listening on 127.0.0.1:")
        assert printed(process, "token in ") == str(named)
        assert not named.is_symlink()
        assert mode(named) == 0o600
    assert before.read_text() == "mine"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["before", "ops.sqlite", "token"]


def test_temporary_database(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running("--listen", f"unix:{tmp_path}/x.sock") as process:
        assert printed(process, "listening on ") == f"unix:{tmp_path}/x.sock"
        assert Path(printed(process, "token in ")).is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_closed_stdout(path):
    address = f"unix:{path.parent}/x.sock"
    reading, writing = os.pipe()
    os.close(reading)
    with (
        open(writing, "w") as nobody,
        running("--no-token", "--demo", "--db", path, "--listen", address, stdout=nobody),
    ):
        wait_until(path.exists)
        with LocalService(path) as service:
            last = wait_until(lambda: len(found := service.operations()) == 6 and found[0])
        with calling(address) as caller:
            assert caller.get(last.id).id == last.id


def test_restart_after_kill(path):
    address = f"unix:{path.parent}/x.sock"
    arguments = ["--listen", address, "--db", path, "--no-token"]
    with running(*arguments, "--demo", end=signal.SIGKILL) as process:
        printed(process, "listening on ")
        operation_id = process.stdout.readline().split()[0]
    with running(*arguments) as process:
        printed(process, "listening on ")
        with calling(address) as caller:
            assert caller.get(operation_id).id == operation_id


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ("--listen 0.0.0.0:0", 2, "neither loopback nor unix:PATH"),
        ("--listen 0.0.0.0:0 --no-token", 2, "neither loopback nor unix:PATH"),
        ("--listen nonsense", 2, "HOST:PORT or unix:PATH"),
        ("--nonsense", 2, "unrecognized arguments"),
        ("--no-token --token-file x", 2, "not allowed with"),
        ("--keep-days -1", 2, "days is a number from 0 on"),
        ("--keep many", 2, "invalid int value"),
        ("--db no/ops.sqlite", 1, "cannot be used as a database"),
        ("--token-file no/token", 1, "cannot be written: No such file or directory."),
        ("--tls-cert x", 2, "TLS takes both a certificate"),
        ("--tls-key x", 2, "TLS takes both a certificate"),
        ("--tls-cert no.pem --tls-key no.pem", 1, "no.pem cannot be read: No such file or directory."),
    ],
)
def test_bad_arguments(arguments, code, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = subprocess.run([*_COMMAND, *arguments.split()], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert why in done.stderr
