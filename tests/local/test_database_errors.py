"""A database that cannot be used now is UNAVAILABLE; one that is damaged is DATA_LOSS, with the name of the file."""

from __future__ import annotations

import functools
import os
import re
import sqlite3

import grpc
import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.local import LocalService, process_lock
from ds_ops_magic.model.errors import OperationsError, ServiceRefused, ServiceUnavailable
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import calling, proceed, script, status_of, wait_until

_FAILS = """
import os, resource, sys, threading
from pathlib import Path
from ds_ops_magic.local import LocalService
from ds_ops_magic.local.process_lock import current_owner


def no_descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, before)


def no_permission():
    lock = Path(f"{service.path}.owner-{current_owner(service.path)}.lock")
    lock.chmod(0)
    user = os.geteuid()
    if user == 0:  # who may open everything
        os.seteuid(65534)
    def restore():
        os.seteuid(user)
        lock.chmod(0o600)
    return restore


with LocalService(sys.argv[1], listen=sys.argv[2]) as service:
    go_on = threading.Event()
    print(service.submit(go_on.wait, 20).id, flush=True)
    sys.stdin.readline()
    restore = globals()[sys.argv[3]]()
    print("failing", flush=True)
    sys.stdin.readline()
    restore()
    go_on.set()
    print("restored", flush=True)
    sys.stdin.readline()
"""


def step(process):
    proceed(process)
    return process.stdout.readline().strip()


@pytest.mark.parametrize("failure", ["no_descriptors", "no_permission"])
def test_wait_through_unavailable(path, failure):
    address = f"unix:{path.parent}/ops.sock"
    with script(_FAILS, path, address, failure) as process:
        operation_id = process.stdout.readline().strip()
        with OperationClient(EndpointConnection(address)) as client, calling(address) as caller:
            watch = client.watch(operation_id)
            assert caller.get(operation_id).status is Status.RUNNING
            wait_until(lambda: watch.view().all_seen)  # else it might not be connected before there are no descriptors
            assert step(process) == "failing"
            for ask in (caller.get, caller.cancel):
                code, message = status_of(ask, operation_id)
                assert code is grpc.StatusCode.UNAVAILABLE
                assert ".lock" in message
            wait_until(lambda: watch.view().health.last_status)
            assert step(process) == "restored"
            assert watch.wait(timeout=20)[0].status is Status.SUCCEEDED


def spoil(path, change, *values):
    with sqlite3.connect(path) as other:
        other.execute(f"UPDATE operation SET {change}", values)  # noqa: S608
    other.close()


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("metadata = ?", b"\xff\xff\xff"),
        ("error = ?", b"\xff"),
        ("course = ?", "[]"),
        ("course = ?", '{"duration": "long"}'),
        ("course = ?", "[" * 100_000),
        ("created_at = ?", "yesterday"),
        ("owner = ?", b"x"),
        ("description = CAST(? AS TEXT)", b"\xff"),
    ],
)
def test_damaged_row(path, change, value):
    with LocalService(path) as service, calling(service.address) as caller:
        operation = service.simulate(60) if "metadata" not in change else service.submit(int)
        if "error" in change or "metadata" in change:
            spoil(path, "done = 1, course = NULL")
        spoil(path, change, value)
        code, message = status_of(caller.get, operation.id)
        assert code is grpc.StatusCode.DATA_LOSS
        assert message.startswith(f"The database {path} is damaged: ")
        with pytest.raises(ServiceRefused, match=r"DATA_LOSS: The database .* is damaged") as refused:
            service.get(operation.id)
        assert str(refused.value).count("\n") < 3
        with pytest.raises(OperationsError, match="is damaged"):
            service.operations()
        client = OperationClient(EndpointConnection(service.address))
        with client, pytest.raises(ServiceRefused, match="is damaged"):
            client.wait(operation.id, timeout=20)
    LocalService(path).start().close()  # what is damaged keeps nobody from the rest


def test_damaged_file(path):
    with LocalService(path) as service:
        operation_id = service.simulate(60).id
        for _ in range(100):
            service.simulate(60)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with LocalService(path) as service, calling(service.address) as caller:
        code, message = status_of(caller.get, operation_id)
        assert code is grpc.StatusCode.DATA_LOSS
        assert str(path) in message


def test_unreadable_lock_file(path, monkeypatch):
    def no_room(*_):
        raise OSError(24, "Too many open files")

    with LocalService(path) as service:
        operation = service.submit(wait_until, lambda: restored)
        restored = False
        with monkeypatch.context() as patch:
            patch.setattr(process_lock.os, "open", no_room)
            with pytest.raises(ServiceUnavailable, match="Too many open files"):
                service.get(operation.id)
            with pytest.raises(ServiceUnavailable, match=r"Too many open files\.\nThe operations go on\."):
                service.operations()
            LocalService(path).close()
        assert service.get(operation.id).status is Status.RUNNING
        restored = True


def test_full_disk(path):
    with LocalService(path) as service:
        with service._server.repository.store._writer.use() as connection:
            connection.execute("PRAGMA max_page_count = 1").close()  # SQLite lets the file grow no more
        for make in (service.simulate, functools.partial(service.submit, int)):
            with pytest.raises(OperationsError, match=r"disk is full\.\nNothing was started\.") as caught:
                until_refused(make)
            assert str(path) in str(caught.value)
        assert service.operations(), "those that were accepted are there"


def until_refused(make):
    for _ in range(1000):
        make(description="x" * 256)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("~nosuchuser/ops.sqlite", "home directory"),
        ("ops\0.sqlite", "null"),
        ("\udcff\ud800.sqlite", "surrogates not allowed"),
        ("x" * 300, "File name too long"),
        ("x" * 252, "unable to open database file"),  # there is no room for what SQLite puts beside it
        (".", "Is a directory"),
        ("no/ops.sqlite", "No such file or directory"),
        ("loop/ops.sqlite", "loop|Too many levels"),
    ],
)
def test_unusable_paths(tmp_path, monkeypatch, path, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OperationsError, match=why) as caught:
        LocalService(path).start()
    assert re.fullmatch(r".* cannot be used as a database of operations: .*[^.]\.", str(caught.value))


def test_name_too_long_for_a_lock_file(tmp_path):
    with LocalService(tmp_path / ("x" * 240)) as service:
        service.simulate(60)
        with pytest.raises(OperationsError, match=r"File name too long.*\nNothing was started\."):
            service.submit(int)
        assert len(service.operations()) == 1


_MAY_NOT = """
import os, sys
from pathlib import Path
from ds_ops_magic import OperationsError
from ds_ops_magic.local import LocalService
service = LocalService(sys.argv[1], listen="127.0.0.1:0")
service.start().close()
Path(sys.argv[1]).chmod(0o444)
Path(sys.argv[1]).parent.chmod(0o555)
if os.geteuid() == 0:  # who may write everywhere
    os.seteuid(65534)
for made in (lambda: service, lambda: LocalService(sys.argv[1], listen="127.0.0.1:0")):
    try:
        made().start()
    except OperationsError as error:
        print(error)
"""


def test_read_only_file(path):
    with script(_MAY_NOT, path) as process:
        message = f"{path} cannot be used as a database of operations: Permission denied.\n"
        assert process.communicate(timeout=20)[0] == 2 * message
