"""Lock files that tell whether a process still lives."""

from __future__ import annotations

import os
import signal

import pytest

from ds_ops_magic.local import process_lock
from tests.support.local_service import in_child, script, wait_until

_HOLD = """
import sys
from pathlib import Path
from ds_ops_magic.local import process_lock
print(process_lock.current_owner(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path):
    yield tmp_path / "ops.sqlite"
    process_lock.release(tmp_path / "ops.sqlite")


def locks(database):
    return sorted(database.parent.glob("*.lock"))


def test_one_owner_id_per_database(database, tmp_path):
    owner = process_lock.current_owner(database)
    assert process_lock.current_owner(database) == owner
    assert process_lock.is_alive(database, owner)
    assert len(locks(database)) == 1
    other = tmp_path / "other.sqlite"
    assert process_lock.current_owner(other) != owner
    process_lock.release(other)
    assert not process_lock.is_alive(other, owner)


def test_killed_process(database):
    with script(_HOLD, database) as process:
        owner = process.stdout.readline().strip()
        assert process_lock.is_alive(database, owner)
        process_lock.remove_stale(database)
        assert process_lock.is_alive(database, owner), "lock files of processes that live stay"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not process_lock.is_alive(database, owner)
    assert len(locks(database)) == 1
    process_lock.remove_stale(database)
    assert locks(database) == []


def test_child_of_a_killed_process(database):
    code = "import os, time\n" + _HOLD.replace(
        "sys.stdin.read()", "pid = os.fork()\ntime.sleep(60) if pid == 0 else (print(pid, flush=True), time.sleep(60))"
    )
    with script(code, database) as process:
        owner, child = process.stdout.readline().strip(), int(process.stdout.readline())
        assert process_lock.is_alive(database, owner)
        process.send_signal(signal.SIGKILL)
        process.wait()
        try:
            # The child lets go as it begins, which may be after its parent has ended.
            wait_until(lambda: not process_lock.is_alive(database, owner))
        finally:
            os.kill(child, signal.SIGKILL)  # raises where the child was gone, and the test would show nothing


def test_forked_child_is_another_owner(database):
    owner = process_lock.current_owner(database)
    assert (
        in_child(lambda: process_lock.current_owner(database) != owner and process_lock.is_alive(database, owner)) == 0
    )
    assert process_lock.current_owner(database) == owner
    assert process_lock.is_alive(database, owner)


def test_removed_lock_file(database):
    owner = process_lock.current_owner(database)
    for path in locks(database):
        path.unlink()
    assert not process_lock.is_alive(database, owner)
    assert process_lock.is_alive(database, process_lock.current_owner(database))


def test_lock_file_is_removed_at_exit(database):
    with script(_HOLD.replace("sys.stdin.read()", ""), database) as process:
        process.communicate()
        assert process.returncode == 0
    assert locks(database) == []
