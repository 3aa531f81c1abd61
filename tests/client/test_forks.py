"""A process that forks while a client is at work: the child gets a poller of its own, the parent goes on."""

from __future__ import annotations

import subprocess
from typing import Any

from ds_ops_magic.local import LocalService
from tests.support.following import client_of, lasting, python
from tests.support.scripted import Call, ScriptedServer, Stage, message, running_then

FORKED = """
import os, sys, time
from tests.support.following import client_of, poller_threads, until
from ds_ops_magic import WatchStopped
client = client_of(sys.argv[1])
watch = client.watch(*(f"o{number}" for number in range(20)), "last")
until(lambda: all(watch.operations))
children = []
for number in range(3):
    pid = os.fork()
    if not pid:
        assert poller_threads() == []
        assert client.wait(f"in-child-{number}", 10).done and client.get("a").id == "a"
        for give_up in (watch.wait, lambda: watch.cancel("last"), lambda: watch.wait(60)):
            try:
                give_up()
            except WatchStopped:
                continue
            raise AssertionError("the parent's watch went on in the child")
        assert len(list(watch)) == 21
        if number == 1:
            client.close()
        sys.exit(7)
    children.append(pid)
assert client.get("a").id == "a" and client.wait("in-parent", 10).done
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
print("children are done", flush=True)
assert len(watch.wait(10)) == 21
client.close()
until(lambda: not poller_threads())
"""


def test_a_forked_child_has_a_poller_of_its_own() -> None:
    stage = Stage()

    def get(call: Call) -> Any:
        return running_then(message(done=True))(call) if call.id.startswith("in-") else stage(call)

    with ScriptedServer(get) as server, python(FORKED, server.address) as process:
        with lasting(0.0, 10.0):
            line = process.stdout.readline()
            for name in ("last", *(f"o{number}" for number in range(20))):
                stage.set(name, done=True)
            _, err = process.communicate(timeout=20)
        assert (line, process.returncode, err) == ("children are done\n", 0, "")
        assert {server.gets(f"in-child-{number}") for number in range(3)} == {3}


def test_workers_of_a_forked_pool_use_their_parents_client() -> None:
    code = """
import multiprocessing, sys
from tests.support.following import client_of
client = client_of(sys.argv[1])
client.get("a")
watch = client.watch("running")

def work(name):
    return client.wait(name, 10).id

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(*pool.map(work, ["one", "two", "three", "four"]))
    print(client.get("a").id)
"""

    def get(call: Call) -> Any:
        return message(call.id, done=call.id != "running")

    with ScriptedServer(get) as server, python(code, server.address) as process, lasting(0.0, 10.0):
        out, err = process.communicate(timeout=20)
        assert (out, process.returncode, err) == ("one two three four\na\n", 0, "")


def test_the_users_own_grpc_aio_and_its_forks() -> None:
    code = """
import asyncio, os, sys
import grpc
from tests.support.following import client_of

async def ask(times):
    async with grpc.aio.insecure_channel(sys.argv[1]) as channel:
        get = channel.unary_unary("/yandex.cloud.operation.OperationService/Get")
        for _ in range(times):
            await get(b"\\n\\x01z")

client = client_of(sys.argv[1])
watch = client.watch("a", "b")
asyncio.run(ask(200))
asyncio.run(ask(200))
pid = os.fork()
if not pid:
    asyncio.run(ask(5))
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
print("asked", flush=True)
assert [operation.done for operation in watch.wait(10)] == [True, True]
client.close()
"""
    stage = Stage()
    with ScriptedServer(stage) as server, python(code, server.address) as process, lasting(0.0, 10.0):
        line = process.stdout.readline()
        stage.set("a", done=True)
        stage.set("b", done=True)
        _, err = process.communicate(timeout=20)
        assert (line, process.returncode, err) == ("asked\n", 0, "")


def test_a_fork_beside_a_local_service() -> None:
    code = """
import os, sys
from tests.support.following import client_of
from ds_ops_magic.local import LocalService
with LocalService() as service, client_of(service.address) as client:
    operation = service.simulate(0.5)
    watch = client.watch(operation)
    pid = os.fork()
    if not pid:
        os._exit(0 if client.wait(operation, 10).done else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert watch.wait(10)[0].done
"""
    with python(code) as process, lasting(0.0, 10.0):
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0, err


def test_programs_that_are_started_do_not_interrupt() -> None:
    with LocalService() as service, client_of(service.address) as client:
        operation = service.simulate(0.2)
        watch = client.watch(operation)
        subprocess.run(["true"], check=True)
        assert watch.wait(5)[0].done


def test_forking_costs_little() -> None:
    code = """
import os, sys, time
from tests.support.following import client_of, until
client = client_of(sys.argv[1])
client.get("a")
watch = client.watch("a")
took = []
for _ in range(3):
    until(lambda: watch.operations[0])
    start = time.monotonic()
    pid = os.fork()
    if not pid:
        os._exit(0)
    took.append(time.monotonic() - start)
    os.waitpid(pid, 0)
    assert client.get("a").id == "a"
print(min(took))
"""
    with ScriptedServer(Stage()) as server, python(code, server.address) as process:
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert float(out) < 0.3
