"""Where no thread can be started, and where Ctrl-C comes as one is: nothing raises, nothing is lost, nothing hangs."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ds_ops_magic.history.history import History
from ds_ops_magic.model.operation import Operation
from tests.history.conftest import kept
from tests.support.following import python, until
from tests.support.scripted import message
from tests.support.threadless import Threadless

WARNING = "No history is kept yet. No thread can be started here (can't start new thread): "


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "ds_ops_magic history" and one.is_alive()]


@pytest.fixture
def threadless(monkeypatch: pytest.MonkeyPatch) -> Threadless:
    """Lets no thread of a history be started, until its names are cleared."""
    return Threadless(monkeypatch, "ds_ops_magic history")


def test_records_wait_for_a_thread(history: History, threadless: Threadless) -> None:
    here = history.of("host:1")
    here.record_request(["a", "b"])
    here.record_snapshot(Operation.from_proto(message("a", done=True)))
    history.record_created(Operation.from_proto(message("born")))
    assert {record.id: record.state for record in history.records()} == {"a": "succeeded", "b": "", "born": "running"}
    assert history.endpoints_of("a") == ("host:1",)
    assert not history.flush()
    history.request_read()
    history.ensure_read()
    history.refresh()
    assert history.take_warning().startswith(WARNING)
    assert history.take_warning() == ""
    assert not history.path.exists()
    threadless.names.clear()
    assert history.flush(10.0)
    assert kept(history.path) == {"a": "succeeded", "b": "", "born": "running"}
    assert history.take_warning() == ""


@pytest.mark.parametrize("again", ["asked", "look", "flush", "refresh", "close"])
def test_every_method_tries_to_start_the_thread(history: History, threadless: Threadless, again: str) -> None:
    history.of("host:1").record_request(["a"])
    threadless.names.clear()
    attempts = {
        "asked": lambda: history.of("host:1").record_request(["a"]),
        "look": history._writer.request_read,
        "flush": history.flush,
        "refresh": history.refresh,
        "close": history.close,
    }
    attempts[again]()
    until(lambda: history.path.exists() and kept(history.path) == {"a": ""})
    assert history.flush(10.0)
    assert history.take_warning() == ""


def test_closing_without_a_thread(history: History, threadless: Threadless) -> None:
    threadless.names.clear()
    history.of("host:1").record_request(["a"])
    history.close()
    threadless.names.add("ds_ops_magic history")
    history.of("host:1").record_snapshot(Operation.from_proto(message("a", done=True)))
    history.of("host:1").record_request(["b"])
    history.close()  # without a thread it is written by who closes
    assert {record.id for record in history.records()} == {"a", "b"}
    threadless.names.clear()
    assert kept(history.path) == {"a": "succeeded", "b": ""}


# A limit of the system's own; it does not hold for root.
_LIMITED = """
import os, resource, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from ds_ops_magic import load_ipython_extension, unload_ipython_extension
from ds_ops_magic.history.default import default_history
from ds_ops_magic.model.operation import Operation
from tests.support.scripted import message

ended = Operation.from_proto(message("early", done=True))  # of which %op list has nothing to ask
folder = sys.argv[1]
shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}), ipython_dir=f"{folder}/ipython")
load_ipython_extension(shell)
shell.run_line_magic("op", "list --all;")  # what it imports may be where another user cannot read
unload_ipython_extension(shell)
os.environ["DS_OPS_MAGIC_HISTORY"] = f"{folder}/history.sqlite"
if os.geteuid() == 0:
    os.chown(folder, 65533, 65533)
    os.setuid(65533)
limits = resource.getrlimit(resource.RLIMIT_NPROC)
Path(f"{folder}/history.sqlite").touch()  # there is one to be read
resource.setrlimit(resource.RLIMIT_NPROC, (0, limits[1]))
load_ipython_extension(shell)
history = default_history()
history.of("host:1").record_snapshot(ended)
assert not history.flush()
assert [record.id for record in history.records()] == ["early"]
print([record.id for record in shell.run_line_magic("op", "list --all;")])
"""
_LIFTED = """
resource.setrlimit(resource.RLIMIT_NPROC, limits)
history.of("host:1").record_request(["late"])
assert history.flush(10.0)
"""


@pytest.mark.parametrize("code", [_LIMITED, _LIMITED + _LIFTED])
def test_the_systems_limit(code: str) -> None:
    with TemporaryDirectory() as folder:
        with python(code, folder) as process:
            out, errors = process.communicate(timeout=60)
        assert (process.returncode, out.splitlines()[-1:]) == (0, ["['early']"]), errors
        assert errors.count("No history is kept yet.") == 1
        assert "Traceback" not in errors
        assert kept(Path(folder) / "history.sqlite").keys() == ({"early", "late"} if code != _LIMITED else {"early"})


@pytest.mark.parametrize("start", ["at once", "late", "never"])
def test_an_interrupt_as_the_thread_starts(history: History, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    real, before, begun = threading.Thread.start, threads(), list[threading.Thread]()

    def interrupt(thread: threading.Thread) -> None:
        begun.append(thread)
        if start == "at once":
            real(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            history.of("host:1").record_request(["a"])
    history.of("host:1").record_request(["b"])
    if start == "late":
        real(begun[0])
        begun[0].join(10.0)
        assert not begun[0].is_alive()
        assert len(threads()) == len(before) + 1
    assert history.flush(10.0)
    assert {record.id for record in history.records()} == {"a", "b"}
    until(lambda: len(threads()) == len(before) + 1)
    history.close()
    until(lambda: threads() == before)
    assert kept(history.path) == {"a": "", "b": ""}


def test_interrupted_work_is_done_again(history: History, threadless: Threadless) -> None:
    """By the caller itself, as no thread can be started."""
    done: list[str] = []

    def work() -> None:
        done.append("begun")
        if len(done) == 1:
            raise KeyboardInterrupt
        history._record_request("host:1", ["a"], 1.0)

    with pytest.raises(KeyboardInterrupt):
        history._writer.submit(work)
    history.of("host:1").record_request(["b"])
    assert [record.id for record in history.records()] == ["b", "a"]
    threadless.names.clear()
    assert history.flush(10.0)
    assert kept(history.path) == {"a": "", "b": ""}


# Signals at random moments of what a caller does; not while CPython itself cannot bear one: it would leave a lock held.
_SIGNALS = """
import random, signal, sys, threading, time
from ds_ops_magic.history.history import History

chance = random.Random(5)

def interrupt(_number, frame):
    if frame.f_code.co_filename == threading.__file__ and frame.f_code.co_name in ("__enter__", "__exit__"):
        signal.setitimer(signal.ITIMER_REAL, 1e-5)
        return
    raise KeyboardInterrupt

def see_threads(most):
    until = time.monotonic() + 30.0
    while sum(one.name == "ds_ops_magic history" and one.is_alive() for one in threading.enumerate()) > most:
        assert time.monotonic() < until
        time.sleep(0.001)

def record(history, ids):
    for part in range(400):
        history.of("host:1").record_request([str(part)])
        ids.append(str(part))
        if part % 20 == 19:
            history.flush(5.0)

signal.signal(signal.SIGALRM, interrupt)
interrupts = 0
for number in range(200):
    history, ids = History(f"{sys.argv[1]}/{number}.sqlite"), []
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 6e-4))
        record(history, ids)  # a call, because Python 3.13.0 does not catch what is raised where a loop jumps back
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    except KeyboardInterrupt:
        interrupts += 1
    history.of("host:1").record_request(["last"])
    assert history.flush(30.0), number
    assert {record.id for record in history.records()} >= {*ids, "last"}, number
    see_threads(1)  # one that comes late after its start was interrupted ends by itself
    history.close()
    see_threads(0)
print(interrupts > 100)
"""


def test_interrupts_at_random_moments(tmp_path: Path) -> None:
    with python(_SIGNALS, tmp_path) as process:
        out, errors = process.communicate(timeout=100)
    assert (out, process.returncode) == ("True\n", 0), errors
