"""Stop at any moment of the first milliseconds: nothing stays followed, no thread and no descriptor stay behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.following import python
from tests.support.scripted import ScriptedServer, message

# The alarm comes to the main thread after so many microseconds, as the signal of Stop does.
INTERRUPTED = """
import gc, os, random, signal, sys, threading, time
from tests.support.following import QUICK, client_of, until
from ds_ops_magic import OperationsError, connect

signal.signal(signal.SIGALRM, signal.default_int_handler)
address, times, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
random.seed(times)
kept = client_of(address)
kept.get("first")

def wait():
    kept.wait("a", 2)

def wait_all():
    kept.wait_all([f"o{number}" for number in range(50)], 2)

def connect_and_wait():
    connect(address).wait("a", 2)

def connect_and_get():
    connect(address).get("hanging")

def tick():
    kept.watch("a", "b").wait(2, tick=lambda: None)

def open_descriptors():
    return len(os.listdir("/proc/self/fd"))

before, interrupted = (threading.active_count(), open_descriptors()), 0
for _ in range(times):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00001, 0.005))
            globals()[how]()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
    except OperationsError:  # CPython loses an interrupt that comes within a callback of its collector
        pass
assert interrupted > times * 0.9, interrupted
gc.collect()
try:
    until(lambda: kept._poller._poller._hosts.number_tracked == 0, 20)
    until(lambda: threading.active_count() <= before[0] and open_descriptors() <= before[1], 20)
finally:
    print(kept._poller._poller._hosts.number_tracked, "followed")
    print(threading.active_count() - before[0], "threads", [thread.name for thread in threading.enumerate()])
    print(open_descriptors() - before[1], "descriptors")
assert kept.get("last").id == "last"
kept.close()
"""


@pytest.mark.parametrize(
    ("how", "times"),
    [("wait", 300), ("wait_all", 200), ("tick", 100), ("connect_and_wait", 250), ("connect_and_get", 150)],
)
def test_a_thousand_interrupts_leave_nothing_behind(how: str, times: int) -> None:
    def get(call: Any) -> Any:
        return call.hang() if call.id == "hanging" else message(call.id)

    with ScriptedServer(get, threads=64) as server, python(INTERRUPTED, server.address, times, how) as process:
        said, complaint = process.communicate(timeout=110)
    assert process.returncode == 0, said + complaint
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["0", "followed"],
        ["0", "threads"],
        ["0", "descriptors"],
    ]
