"""Connections that are sent away as soon as they are made: nothing spins, nothing aborts, nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.draining import DrainingProxy
from tests.support.following import QUICK, client_of, python, until
from tests.support.scripted import Call, ScriptedServer, message, running_then

# A service answers, goes away, and a draining proxy takes its port. With gRPC's transparent retries the process was
# aborted after 6 to 10 s, and none of its threads could do anything about it.
DRAINED = """
import sys, time
from tests.support.draining import DrainingProxy
from tests.support.following import client_of, until
from tests.support.scripted import ScriptedServer, message
server = ScriptedServer(lambda call: message(call.id))
client = client_of(server)
watch = client.watch("a")
until(lambda: watch.operations[0])
server.stop()
with DrainingProxy(server.port) as proxy:
    cpu, until_then = time.process_time(), time.monotonic() + 12.0
    while time.monotonic() < until_then:
        time.sleep(0.1)
    print(time.process_time() - cpu, proxy.connections)
back = ScriptedServer(lambda call: message(call.id, done=True), port=server.port)
print(watch.wait(20)[0].status.value)
client.close()
"""


def test_a_draining_proxy_on_the_port_is_an_outage() -> None:
    with python(DRAINED) as process:
        said, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    (cpu, connections), ended = said.splitlines()[0].split(), said.splitlines()[1]
    assert ended == "succeeded"
    assert int(connections) >= 3  # it was there, and was tried
    assert float(cpu) < 6.0  # it spun all the time


FIRST = """
import sys, time
from tests.support.following import client_of
cpu = time.process_time()
try:
    client_of(sys.argv[1]).get("a")
except Exception as error:
    print(type(error).__name__, time.process_time() - cpu)
"""


def test_before_the_first_answer_it_is_a_service_that_does_not_answer() -> None:
    with DrainingProxy(0) as proxy, python(FIRST, proxy.address) as process:
        said, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    kind, cpu = said.split()
    assert kind == "ServiceUnavailable"
    assert float(cpu) < 1.5  # of the 2 s that it takes


@pytest.mark.parametrize("age", [20, 100, 1000])
def test_waits_over_connections_that_live_for_milliseconds(age: int) -> None:
    options = [("grpc.max_connection_age_ms", age), ("grpc.max_connection_age_grace_ms", age)]
    ids = [f"operation{number}" for number in range(200)]
    script = running_then(message(done=True), after=4)
    with ScriptedServer(script, options=options) as server, client_of(server, schedule=QUICK, rate=2000.0) as client:
        client.get("first")
        operations = client.wait_all(ids, 60.0)
        assert [operation.id for operation in operations.succeeded] == ids


def test_single_requests_outlive_their_connection() -> None:
    options = [("grpc.max_connection_age_ms", 10), ("grpc.max_connection_age_grace_ms", 5)]

    def cancel(call: Call) -> Any:
        return message(call.id, done=True, error=(1, "cancelled"))

    with ScriptedServer(lambda call: message(call.id), cancel, options=options) as server, client_of(server) as client:
        for number in range(100):
            assert client.get(f"a{number}").id == f"a{number}"
            assert client.cancel(f"a{number}").done
        until(lambda: server.cancels() >= 100)
