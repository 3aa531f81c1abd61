"""Ctrl-C at any moment of a start, and a start where no thread can be had, leave nothing behind."""

from __future__ import annotations

import gc
import os
import tempfile
import threading

import pytest

from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import OperationsError
from tests.support.local_service import calling, script, wait_until

_INTERRUPTED = """
import os, random, signal, sys, tempfile, threading
from tests.support.local_service import wait_until
from ds_ops_magic import connect
from ds_ops_magic.local import LocalService, close_shared, shared


service, clients = LocalService(), []
begin = {
    "own": service.start,
    "shared": shared,
    "connected": lambda: clients.append(connect("local")),
}[sys.argv[1]]


def end():
    service.close()
    while clients:
        clients.pop().close()
    close_shared()


def there_is():
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def nothing_is_left():
    folders = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("ds-ops-")]
    return not folders and threading.enumerate() == [threading.main_thread()]


def interrupt(*_):
    raise KeyboardInterrupt


random.seed(int(sys.argv[3]))
signal.signal(signal.SIGALRM, interrupt)
for _ in range(3):
    begin()
    end()
wait_until(nothing_is_left)
before, interrupted = there_is(), 0
for number in range(int(sys.argv[2])):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, random.choice((5e-3, 3e-2))))
            begin()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
    end()
    if number % 50 == 0:  # what is left of one would be found by the next
        begin()
        end()
wait_until(nothing_is_left)
wait_until(lambda: all(now <= then for now, then in zip(there_is(), before)))
print(interrupted)
"""


@pytest.mark.parametrize("how", ["own", "shared", "connected"])
def test_interrupted_start(how):
    with script(_INTERRUPTED, how, 300, 7) as process:
        output = process.communicate(timeout=100)[0]
        assert process.returncode == 0
        assert int(output), "some came in time"


@pytest.mark.parametrize("started", range(7))
def test_start_without_threads(monkeypatch, tmp_path, started):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    LocalService().start().close()
    before, begin, left = descriptors(), threading.Thread.start, [started]

    def start(thread):
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        begin(thread)

    service = LocalService()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        if started < 4:
            with pytest.raises(OperationsError, match="No thread can be started here"):
                service.start()
            assert repr(service) == "LocalService(not started)"
            assert list(tmp_path.iterdir()) == []
            wait_until(lambda: gc.collect() >= 0 and descriptors() <= before)
        else:
            service.start()
        left[0] = 100
    with service, calling(service.address) as caller:
        assert caller.get(service.simulate(0).id).done


def test_submit_without_threads(service, no_threads):
    with no_threads, pytest.raises(OperationsError, match="No thread can be started here"):
        service.submit(int)
    assert service.operations() == []


def descriptors():
    return len(os.listdir("/proc/self/fd"))
