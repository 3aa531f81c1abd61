"""Files and sockets of other users, and files that other users must not use."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ds_ops_magic.local import LocalService, process_lock
from ds_ops_magic.local.store import Store
from ds_ops_magic.model.errors import OperationsError
from tests.support.local_service import mode

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534


@pytest.fixture
def path(tmp_path):
    """Where others can write too."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder / "ops.sqlite"


def given_away(path):
    for name in path.parent.iterdir():
        os.chown(name, NOBODY, NOBODY)
        name.chmod(0o666)


@needs_root
def test_database_of_another_user(path):
    with LocalService(path) as service:
        service.simulate(0)
    given_away(path)
    before = path.read_bytes(), mode(path)
    with pytest.raises(OperationsError) as caught:
        LocalService(path).start()
    assert str(caught.value) == (
        f"{path} cannot be used as a database of operations: "
        "it was made by another user, in a folder that others can write to."
    )
    assert (path.read_bytes(), mode(path)) == before
    assert os.listdir(path.parent) == [path.name]


@needs_root
def test_database_given_away_while_opened(path, monkeypatch):
    opened = sqlite3.connect

    def connect(*args, **options):
        given_away(path)
        return opened(*args, **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(PermissionError, match="made by another user"):
        Store(path)


def test_own_database_becomes_private(path):
    with LocalService(path) as service:
        service.simulate(0)
    path.chmod(0o666)
    with LocalService(path) as service:
        assert len(service.operations()) == 1
        assert {mode(name) for name in path.parent.iterdir()} == {0o600}


@contextmanager
def held(path):
    """Hold the lock that says that an owner lives."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock_of(path, owner="0123456789abcdef"):
    return path.with_name(f"{path.name}.owner-{owner}.lock")


@needs_root
def test_lock_of_another_user(path):
    with held(lock_of(path)):
        assert process_lock.is_alive(path, "0123456789abcdef")
        os.chown(lock_of(path), NOBODY, NOBODY)
        assert not process_lock.is_alive(path, "0123456789abcdef")
    process_lock.remove_stale(path)
    assert lock_of(path).exists(), "it is not ours to remove"


def test_link_instead_of_lock(path, tmp_path):
    with held(tmp_path / "held"):
        lock_of(path).symlink_to(tmp_path / "held")
        assert not process_lock.is_alive(path, "0123456789abcdef")
    process_lock.remove_stale(path)
    assert (tmp_path / "held").exists()


@pytest.mark.parametrize("owner", [None, "0123456789abcdef", "", "../../etc/passwd", "a\0b"])
def test_unknown_and_invalid_owners(path, owner):
    assert not process_lock.is_alive(path, owner)


def test_named_sockets_are_private(path, monkeypatch):
    def start(number):
        with LocalService(path, listen=f"unix:{path.parent}/{number}.sock"):
            return mode(path.parent / f"{number}.sock") & 0o077

    monkeypatch.delattr(os, "chmod")  # they are private from the beginning
    before = os.umask(0)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(start, range(12))) == {0}
    finally:
        assert os.umask(before) == 0, "it was restored"
