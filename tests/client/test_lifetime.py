"""The life of a client: closed, dropped, interrupted, forked, pickled; nothing of it stays behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import pickle
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from ds_ops_magic import OperationsError, WatchStopped
from tests.support.following import client_of, connections_to, lasting, poller_threads, python, until
from tests.support.scripted import Call, ScriptedServer, Stage, message, running_then


def nothing_is_left(server: ScriptedServer, before: list[threading.Thread]) -> None:
    until(lambda: not poller_threads(before) and not connections_to(server), 2.0)


@contextmanager
def without_the_collector() -> Iterator[list[threading.Thread]]:
    """Let nothing be cleaned up by the collector; gives the threads that were there before."""
    gc.collect()
    gc.disable()
    try:
        yield threading.enumerate()
    finally:
        gc.enable()


def test_closing_leaves_no_thread_and_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    def get(call: Call) -> Any:
        if call.id == "refused":
            call.refuse(grpc.StatusCode.UNAVAILABLE)
        return call.hang() if call.id.startswith("hanging") else message(call.id)

    hanging = [f"hanging{number}" for number in range(300)]
    with (
        caplog.at_level(logging.WARNING),
        without_the_collector() as before,
        ScriptedServer(get, threads=160) as server,
    ):
        with client_of(server) as client:
            assert poller_threads(before) == []  # it costs nothing until it is used
            assert connections_to(server) == 0
            watch = client.watch("a", "refused")
            client.get("a")
            until(lambda: watch.operations[0] and server.gets("refused") > 1)
            others = client.watch(*hanging)
            until(lambda: sum(bool(server.gets(name)) for name in hanging) > 100)
            assert "ds_ops_magic poller" in poller_threads(before)
            assert connections_to(server) == 1  # one channel, whatever is asked
        with lasting(0.0, 0.5):
            client.close()
        nothing_is_left(server, before)
    assert {type(entry.error) for entry in others.view().entries} == {WatchStopped}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_two_clients_are_two() -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as one, client_of(server) as other:
        one.get("a")
        other.get("a")
        assert connections_to(server) == 2
        one.close()
        assert other.get("a").id == "a"


def test_a_client_that_is_dropped_closes_itself() -> None:
    with without_the_collector() as before, ScriptedServer(running_then(message(done=True))) as server:
        client = client_of(server)
        client.wait("a")
        del client
        nothing_is_left(server, before)


WAYS = {
    "wait": "client.wait('a')",
    "wait_all": "client.wait_all(['a', 'b'])",
    "watch": "client.watch('a').wait(tick=lambda: None)",
    "timeout": "client.wait('a', 60)",
    "hanging": "client.get('hanging')",
}
INTERRUPTED = """
import sys, time
from tests.support.following import client_of, poller_threads
from ds_ops_magic import WaitInterrupted
client = client_of(sys.argv[1])
client.get("b")
try:
    {how}
except Exception:
    print("Stop was eaten")
except WaitInterrupted as error:
    print(time.monotonic())
    print(error)
{end}
"""


@pytest.mark.parametrize("how", WAYS)
def test_stop_is_prompt_and_leaves_nothing_hanging(how: str) -> None:
    def get(call: Call) -> Any:
        return call.hang() if call.id == "hanging" else message(call.id)

    # A client that is forgotten must not hold the process either.
    end = "client.close(); assert not poller_threads()" if how == "wait" else ""
    code = INTERRUPTED.format(how=WAYS[how], end=end)
    name = "hanging" if how == "hanging" else "a"
    with ScriptedServer(get) as server, python(code, server.address) as process:
        until(lambda: server.gets(name) >= (1 if how == "hanging" else 3))
        pressed = time.monotonic()  # the clock of the machine, which all its processes share
        process.send_signal(signal.SIGINT)
        with lasting(0.0, 1.0):
            out, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (0, "")
        caught, said = out.split("\n", 1)
        assert float(caught) - pressed < 1.0
        assert said.startswith("Stopped waiting")
        assert "cancelled" not in said
        if how != "hanging":
            assert "To cancel: %op cancel a" in said
        assert server.cancels() == 0


def test_iterating_and_asyncio_are_interrupted_as_usual() -> None:
    code = """
import asyncio, sys
from tests.support.following import client_of
client = client_of(sys.argv[1])
try:
    if sys.argv[2] == "async":
        asyncio.run(client.wait_async("a"))
    else:
        list(client.watch("a"))
except KeyboardInterrupt:
    print("interrupted")
"""
    for way in ("async", "iterate"):
        with ScriptedServer(Stage()) as server, python(code, server.address, way) as process:
            until(lambda server=server: server.gets("a") >= 3)
            with lasting(0.0, 1.0):
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=10)
            assert (process.returncode, out, err) == (0, "interrupted\n", "")


@pytest.mark.parametrize("block", ["client.wait('a')", "list(client.watch('a'))", "client.get('hanging')"])
def test_stop_is_seen_though_another_thread_takes_the_signal(block: str) -> None:
    code = f"""
import signal, sys, threading, time
from tests.support.following import client_of
client = client_of(sys.argv[1])
client.get("a")
def press():
    time.sleep(1.0)  # the wait has begun: nothing else can tell from here
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
threading.Thread(target=press).start()
try:
    {block}
except KeyboardInterrupt:
    print("interrupted")
"""
    stage = Stage()
    with (
        ScriptedServer(lambda call: call.hang() if call.id == "hanging" else stage(call)) as server,
        python(code, server.address) as process,
    ):
        out, err = process.communicate(timeout=6)
        assert (out, err) == ("interrupted\n", "")


ENDS = {
    "nobody waits": "",
    "a thread waits": "threading.Thread(target=client.wait, args=('a',), daemon=True).start()",
    "a thread reads": "threading.Thread(target=list, args=(watch,), daemon=True).start()",
    "a task waits": "loop = asyncio.new_event_loop(); left = loop.create_task(client.wait_async('a')); "
    "loop.run_until_complete(asyncio.sleep(0.1))",
    "it exits in a wait": "client.watch('a').wait(tick=sys.exit)",
}


@pytest.mark.parametrize("how", ENDS)
def test_the_end_of_the_interpreter_in_a_wait_is_silent_and_prompt(how: str) -> None:
    code = f"""
import asyncio, sys, threading
from tests.support.following import client_of, until
client = client_of(sys.argv[1])
watch = client.watch("a", "b")
until(lambda: all(watch.operations))
{ENDS[how]}
print("over", flush=True)
"""
    with ScriptedServer(Stage()) as server, python(code, server.address) as process:
        until(lambda: server.gets("b"))
        with lasting(0.0, 2.0):
            _, err = process.communicate(timeout=10)
        assert process.returncode == 0
        # Of a task that is left behind asyncio itself may say that it was; nothing else may be said.
        expected = ("Task was destroyed", "task: ") if how == "a task waits" else ()
        assert not [line for line in err.splitlines() if not line.startswith(expected)]


def test_a_pickled_client_starts_clean_in_a_fresh_process() -> None:
    code = """
import pickle, sys
client = pickle.loads(bytes.fromhex(sys.argv[1]))
from tests.support.following import poller_threads
assert not poller_threads()
print(client.wait("a", 10).id, client.get("b").id)
client.close()
"""
    with ScriptedServer(running_then(message(done=True))) as server, client_of(server) as client:
        client.get("a")
        with client.watch("b"), python(code, pickle.dumps(client).hex()) as process:
            out, err = process.communicate(timeout=20)
        assert (out, process.returncode) == ("a b\n", 0), err


def test_a_dropped_watch_stops_polling_and_frees_its_client() -> None:
    with ScriptedServer(Stage()) as server:
        before, clients = threading.enumerate(), [client_of(server)]
        watches = [clients[0].watch(f"a{number}", "shared") for number in range(100)]
        kept = [clients[0].watch("kept", "shared")]
        until(lambda: all(watch.operations[0] for watch in [*watches, *kept]))
        poller = weakref.proxy(clients[0]._poller._poller)
        watches.clear()
        gc.collect()
        until(lambda: set(poller._hosts.main.tracker.operations) == {"kept", "shared"})
        assert len(poller._listeners._ids) == 1
        clients.clear()
        gc.collect()
        asked = server.gets("kept")
        until(lambda: server.gets("kept") > asked + 3)  # who holds a watch holds its client
        kept.clear()
        gc.collect()
        nothing_is_left(server, before)


def test_a_watch_in_use_goes_on_though_no_variable_holds_it() -> None:
    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client:
        ended: list[str] = []

        def waits() -> None:
            ended.append(client.watch("a").wait(20)[0].status.value)

        def reads() -> None:
            ended.extend(change.after.status.value for change in client.watch("a") if change.ended)

        def awaits() -> None:
            ended.append(asyncio.run(client.watch("a").wait_async(20))[0].status.value)

        running = [threading.Thread(target=how) for how in (waits, reads, awaits)]
        for thread in running:
            thread.start()
        until(lambda: server.gets("a") > 5)
        gc.collect()
        asked = server.gets("a")
        until(lambda: server.gets("a") > asked + 5)
        stage.set("a", done=True)
        for thread in running:
            thread.join(10)
        assert ended == ["succeeded"] * 3


def test_the_block_of_a_watch_ends_it() -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as client:
        with client.watch("a") as watch:
            until(lambda: watch.operations[0])
            assert not watch.view().stopped
        assert watch.view().stopped
        poller = client._poller._poller
        assert poller is not None
        until(lambda: not poller._hosts.number_tracked)


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with ScriptedServer(running_then(message(done=True))) as server, client_of(server) as client:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            for ask in (lambda: client.get("a"), lambda: client.wait("a"), lambda: client.watch("a"), client.check):
                with pytest.raises(OperationsError, match="No thread can be started here"):
                    ask()
        assert client.wait("a", 10).done
