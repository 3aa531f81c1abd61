"""What becomes of services and their jobs when the process ends, in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ds_ops_magic.local import LocalService
from ds_ops_magic.model.outcome import Status
from tests.support.local_service import script

PROMPTLY = 10.0
"""Seconds, most of them for a busy machine."""

_LEAVES = """
import itertools, sys, threading, time
from ds_ops_magic.local import LocalService


def forever(reporter):
    reporter.progress(0.5, "running")
    while True:
        reporter.check()
        time.sleep(0.05)


def slow_to_look(reporter):
    reporter.progress(0.5, "running")
    while not reporter.cancelled:
        time.sleep(0.05)
    time.sleep(0.75)  # longer than `close` waits for it
    reporter.check()


def deaf(reporter):
    reporter.progress(0.5, "running")
    threading.Event().wait()


def busy(reporter):
    reporter.progress(0.5, "running")
    for _ in itertools.count():
        pass


service = LocalService(sys.argv[1]).start()
operation = service.submit(globals()[sys.argv[2]])
while service.get(operation.id).progress.text != "running":
    time.sleep(0.005)
"""


def left(path, job, then="", code=0):
    """Run a script that ends while a job runs, and return its output and the operation."""
    with script(f"{_LEAVES}\n{then}", path, job) as process:
        output = process.communicate(timeout=PROMPTLY)[0]
        assert process.returncode == code
    with LocalService(path) as service:
        (operation,) = service.operations()
    return output, operation


@pytest.mark.parametrize(
    ("job", "then", "code"),
    [
        ("forever", "", 0),
        ("forever", "sys.exit(3)", 3),
        ("slow_to_look", "", 0),
        ("slow_to_look", "service.close()", 0),
    ],
)
def test_jobs_that_check_are_cancelled(path, job, then, code):
    assert left(path, job, then, code)[1].status is Status.CANCELLED


@pytest.mark.parametrize(("job", "then"), [("deaf", ""), ("busy", ""), ("deaf", "service.close()")])
def test_jobs_that_never_check_are_aborted(path, job, then):
    operation = left(path, job, then)[1]
    assert (operation.error.name, operation.error.message) == ("ABORTED", "the process that ran it has ended")


_LOOKS = """
import atexit, os, sys
atexit.register(lambda: print(os.path.exists(folder)))  # what was registered first runs last
from ds_ops_magic.local import LocalService
service = LocalService().start()
folder = service.path.parent
"""


def test_closed_at_exit(capfd):
    with script(_LOOKS) as process:
        assert process.communicate(timeout=PROMPTLY)[0] == "False\n"
        assert process.returncode == 0
    assert capfd.readouterr().err == ""


def test_close_starts_no_thread(path, no_threads):
    service = LocalService(path).start()
    folder = Path(service.address.removeprefix("unix:")).parent
    with no_threads:  # Python 3.12 starts none when the process ends
        service.close()
    assert not folder.exists()


_ANOTHER_THREAD_USES_IT = """
def use():
    threading.main_thread().join()
    print(service.get(operation.id).status_word)

threading.Thread(target=use).start()
"""

_FORKS = """
import os
child = os.fork()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    print(service.get(operation.id).status_word, os.path.exists(service.address.removeprefix("unix:")), flush=True)
else:
    sys.exit(7)
"""


@pytest.mark.parametrize(
    ("then", "expected"), [(_ANOTHER_THREAD_USES_IT, "running\n"), (_FORKS, "running True\n")], ids=["thread", "child"]
)
def test_serves_while_threads_run_and_children_end(path, then, expected):
    output, operation = left(path, "forever", then)
    assert output == expected
    assert operation.status is Status.CANCELLED
