"""Lock files that show whether a process is alive."""

from __future__ import annotations

import os
import signal

from ds_ops_magic.local import process_lock
from tests.support.local_service import in_child, script, wait_until

_HOLD = """
import sys
from pathlib import Path
from ds_ops_magic.local import process_lock
print(process_lock.current_owner(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def locks(path):
    return sorted(path.parent.glob("*.lock"))


def test_one_owner_id_per_database(path, tmp_path):
    owner = process_lock.current_owner(path)
    assert process_lock.current_owner(path) == owner
    assert process_lock.is_alive(path, owner)
    assert len(locks(path)) == 1
    other = tmp_path / "other.sqlite"
    assert process_lock.current_owner(other) != owner
    process_lock.release(other)
    assert not process_lock.is_alive(other, owner)


def test_killed_process(path):
    with script(_HOLD, path) as process:
        owner = process.stdout.readline().strip()
        assert process_lock.is_alive(path, owner)
        process_lock.remove_stale(path)
        assert process_lock.is_alive(path, owner), "the lock file of a process that is alive stays"
        process.kill()
        process.wait()
    assert not process_lock.is_alive(path, owner)
    assert len(locks(path)) == 1
    process_lock.remove_stale(path)
    assert locks(path) == []


def test_child_of_a_killed_process(path):
    code = "import os, time\n" + _HOLD.replace(
        "sys.stdin.read()", "pid = os.fork()\ntime.sleep(60) if pid == 0 else (print(pid, flush=True), time.sleep(60))"
    )
    with script(code, path) as process:
        owner, child = process.stdout.readline().strip(), int(process.stdout.readline())
        assert process_lock.is_alive(path, owner)
        process.send_signal(signal.SIGKILL)
        process.wait()
        try:
            # The child lets go as it begins, which may be after its parent has ended.
            wait_until(lambda: not process_lock.is_alive(path, owner))
        finally:
            os.kill(child, signal.SIGKILL)  # raises where the child was gone, and the test would show nothing


def test_forked_child_is_another_owner(path):
    owner = process_lock.current_owner(path)
    assert in_child(lambda: process_lock.current_owner(path) != owner and process_lock.is_alive(path, owner)) == 0
    assert process_lock.current_owner(path) == owner
    assert process_lock.is_alive(path, owner)


def test_removed_lock_file(path):
    owner = process_lock.current_owner(path)
    for lock in locks(path):
        lock.unlink()
    assert not process_lock.is_alive(path, owner)
    assert process_lock.is_alive(path, process_lock.current_owner(path))


def test_lock_file_is_removed_at_exit(path):
    with script(_HOLD.replace("sys.stdin.read()", ""), path) as process:
        process.communicate()
        assert process.returncode == 0
    assert locks(path) == []
