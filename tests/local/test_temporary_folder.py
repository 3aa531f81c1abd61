"""Temporary folders: removed with their process or by the next one, and those of others never."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time

import pytest

from ds_ops_magic.local import LocalService, temporary_folder
from ds_ops_magic.model.errors import OperationsError
from tests.support.local_service import mode, script, wait_until

_SERVES = """
import sys
from ds_ops_magic.local import LocalService
service = LocalService().start()
print(service.path.parent, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left(parent):
    return set(parent.glob("ds-ops-*"))


def test_killed_service(parent):
    with script(_SERVES, TMPDIR=parent) as process:
        assert process.stdout.readline()
        before = left(parent)
        assert len(before) == 1
        LocalService().start().close()
        assert left(parent) == before, "the folder of a process that is alive stays"
    with LocalService() as service:
        assert list(parent.iterdir()) == [service.path.parent]
    assert list(parent.iterdir()) == []


def test_other_files_stay(parent):
    old = temporary_folder.create()
    (old.path / "operations.sqlite").touch()
    for name in ("elsewhere", "ds-ops-open", "ds-ops-full", "ds-ops-link", "ds-ops-other-user"):
        (parent / name).mkdir(mode=0o700)
    for name in ("elsewhere/owner.lock", "ds-ops-open/owner.lock", "ds-ops-full/of something else"):
        (parent / name).touch()
    (parent / "ds-ops-open").chmod(0o755)
    (parent / "ds-ops-file").touch(mode=0o700)
    (parent / "ds-ops-linked").symlink_to(parent / "elsewhere")
    (parent / "ds-ops-link" / "owner.lock").symlink_to(parent / "elsewhere" / "owner.lock")
    if os.geteuid() == 0:  # only root can give files away
        (parent / "ds-ops-other-user" / "owner.lock").touch()
        os.chown(parent / "ds-ops-other-user", 65534, 65534)
    else:
        (parent / "ds-ops-other-user").rmdir()
    stays = set(parent.iterdir())
    temporary_folder.remove_stale(parent)
    assert set(parent.iterdir()) == stays
    assert (parent / "elsewhere" / "owner.lock").exists()
    old.remove()
    assert set(parent.iterdir()) == stays - {old.path}


def test_concurrent_creation(parent):
    over = threading.Event()

    def remove_stale():
        while not over.is_set():
            temporary_folder.remove_stale(parent)

    threads = [threading.Thread(target=remove_stale) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        folders = [temporary_folder.create() for _ in range(200)]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert set(parent.iterdir()) == {folder.path for folder in folders}
    assert {mode(folder.path) for folder in folders} == {0o700}
    for folder in folders:
        folder.remove()
        folder.remove()
    assert list(parent.iterdir()) == []


_FORKS = """
import os, time
from ds_ops_magic.local import temporary_folder
folder = temporary_folder.create()
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""


def test_child_of_a_killed_process(parent):
    with script(_FORKS, TMPDIR=parent) as process:
        child = int(process.stdout.readline())
        temporary_folder.remove_stale(parent)
        assert len(left(parent)) == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        try:
            # The child lets go as it begins, which may be after its parent has ended.
            wait_until(lambda: temporary_folder.remove_stale(parent) or not left(parent))
        finally:
            os.kill(child, signal.SIGKILL)  # raises where the child was gone, and the test would show nothing


def test_many_other_files(parent):
    for number in range(1000):
        (parent / f"tmp{number}").mkdir()
    began = time.perf_counter()
    temporary_folder.remove_stale(parent)
    assert time.perf_counter() - began < 1.0


def test_no_temporary_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "no")])
    with pytest.raises(OperationsError, match=r"^No temporary folder can be made: No usable temporary directory"):
        LocalService().start()
    with LocalService(tmp_path / "ops.sqlite", listen="127.0.0.1:0") as service:
        assert service.simulate(0).id, "where none is needed, none is asked for"
