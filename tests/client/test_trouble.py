"""A service in trouble: silent connections, hanging and refused calls, GOAWAY, slowness. Every wait goes on."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import grpc
import pytest

from ds_ops_magic.model.errors import WaitTimeout
from ds_ops_magic.polling import channel, health
from ds_ops_magic.polling.rate_limit import TokenBucket
from ds_ops_magic.polling.schedule import Schedule
from tests.support.following import client_of, lasting, until
from tests.support.proxy import Proxy
from tests.support.scripted import Call, ScriptedServer, Stage, UnderWay, message, running_then

RATE = 200.0
RESUMED = 1.5  # seconds within which a wait goes on


def most_in_a_second(given: list[float]) -> int:
    """Return the most calls that were given within any second."""
    return max(sum(start <= at < start + 1.0 for at in given[number:]) for number, start in enumerate(given))


@pytest.mark.parametrize(("down", "rate"), [(0.5, 200.0), (3.0, 200.0), (3.0, 40.0)])  # of 40, two at a time
def test_a_server_that_is_back_is_asked_soon_and_without_a_storm(
    down: float, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, came = Stage(), []
    given: list[float] = []  # when each call was allowed, by the clock of the limiter: a busy machine makes them later
    take = TokenBucket.take

    def noted(self: TokenBucket, now: float) -> bool:
        given.extend([now] * (allowed := take(self, now)))
        return allowed

    monkeypatch.setattr(TokenBucket, "take", noted)

    def get(call: Call) -> Any:
        came.append(time.monotonic())
        return stage(call)

    names = [f"o{number}" for number in range(int(2 * rate))]
    server = ScriptedServer(get)
    with client_of(server, schedule=Schedule(), rate=rate) as client:
        watch = client.watch(*names)
        until(lambda: all(watch.operations))
        server.stop()
        gone = time.monotonic()
        until(lambda: time.monotonic() > gone + down)
        came.clear()
        given.clear()
        with ScriptedServer(get, port=server.port):
            with lasting(0.0, RESUMED):
                until(lambda: came)
            until(lambda: came[-1] > came[0] + 1.5)
            assert len(came) <= len(given) + health.OUTAGE  # and those that waited for the connection
            assert most_in_a_second(given) <= rate + rate / 4 + 1  # a second's calls, and what a moment may spend
            assert watch.view().health.silent_for is None


def test_a_connection_that_falls_silent_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    # The same keepalive, ten times as impatient; as it is, the silence is found after 2 to 12 s.
    options = {**dict(channel._OPTIONS), "grpc.keepalive_time_ms": 1000, "grpc.keepalive_timeout_ms": 500}
    monkeypatch.setattr(channel, "_OPTIONS", tuple({**options, "grpc.http2.ping_timeout_ms": 500}.items()))
    stage = Stage()
    with ScriptedServer(stage) as server, Proxy(server.port) as proxy, client_of(proxy.address) as client:
        watch = client.watch("a", "b")
        until(lambda: all(watch.operations))
        proxy.drop()
        until(lambda: proxy.connections >= 3)  # the silence was found, and the next connection is as silent
        stage.set("a", done=True)
        stage.set("b", done=True)
        proxy.restore()
        with lasting(0.0, RESUMED + 0.5):  # the attempt that is under way is given up after 1.5 s
            assert len(watch.wait(20).succeeded) == 2


def test_answers_that_hang_hold_up_nobody_for_longer_than_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.tracked.CALL_TIMEOUT", 0.5)
    hanging = threading.Event()
    hanging.set()
    done = running_then(message(done=True), after=3)

    def get(call: Call) -> Any:
        return call.hang() if hanging.is_set() and call.number > 1 else done(call)

    names = [f"o{number}" for number in range(20)]
    with ScriptedServer(get, threads=64) as server, client_of(server) as client:
        watch = client.watch(*names)
        until(lambda: watch.view().health.silent_for)
        asked = server.gets()
        long_after = time.monotonic() + 1.0
        until(lambda: time.monotonic() > long_after)
        assert server.gets() - asked <= 8  # two at a time, half a second each
        hanging.clear()
        with lasting(0.0, 3.0):
            assert len(watch.wait(20).succeeded) == 20


@pytest.mark.parametrize("number", [40, 150])
def test_a_part_that_hangs_does_not_hold_up_the_rest(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.tracked.CALL_TIMEOUT", 0.5)
    monkeypatch.setattr("ds_ops_magic.polling.health.PROBE_TIMEOUT", 0.2)
    hanging, stage = threading.Event(), Stage()

    def get(call: Call) -> Any:
        return call.hang() if hanging.is_set() and call.id.startswith("h") else stage(call)

    paced = Schedule(fraction=0.0, shortest=1.0, longest=1.0, jitter=0.0)
    with ScriptedServer(get, threads=number + 20) as server, client_of(server, schedule=paced) as client:
        watch = client.watch("good", *(f"h{index}" for index in range(number)))
        until(lambda: all(watch.operations))
        hanging.set()
        until(lambda: min(server.gets(f"h{index}") for index in range(number)) >= 2, 60.0)  # each in vain
        stage.set("good", done=True)
        with lasting(0.0, 2.0):
            until(lambda: watch.view().entries[0].ended)


def test_answers_that_take_longer_than_a_call_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.tracked.CALL_TIMEOUT", 0.2)
    pause = threading.Event()

    def get(call: Call) -> Any:
        pause.wait(0.5 * (call.number > 1))
        return message(call.id, done=call.number > 5)

    with ScriptedServer(get) as server, client_of(server) as client:
        with lasting(0.0, 6.0):
            assert client.wait("a", 20).done
        assert server.gets("a") == 6  # 1 answered, 2 and 3 given up after 0.2 and 0.4 s, the rest answered again
        with lasting(1.0, 1.5), pytest.raises(WaitTimeout):  # whatever a call may take
            client.wait("b", 1.0)


@pytest.mark.parametrize("number", [1, 60])
def test_a_service_that_has_become_slow_is_heard_by_all_who_ask(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if answers took 25 s where a call has 5 s at first, in a fiftieth of the time."""
    monkeypatch.setattr("ds_ops_magic.polling.tracked.CALL_TIMEOUT", 0.1)
    for module in ("tracked", "health"):
        monkeypatch.setattr(f"ds_ops_magic.polling.{module}.LONGEST_CALL", 2.4)
    monkeypatch.setattr("ds_ops_magic.polling.health.PROBE_TIMEOUT", 0.02)
    pause = threading.Event()

    def get(call: Call) -> Any:
        pause.wait(0.5 * (call.number > 1))
        return message(call.id, done=call.number > 1)

    names = [f"o{index}" for index in range(number)]
    with ScriptedServer(get, threads=200) as server, client_of(server) as client:
        watch = client.watch(*names)
        with lasting(0.0, 12.0):  # each by itself would need 0.1 + 0.2 + 0.4 s before, and two at a time would ask
            assert len(watch.wait(30).succeeded) == number


def test_every_second_call_refused_only_slows_the_waits() -> None:
    chance, lock = random.Random(4), threading.Lock()  # noqa: S311  # the same refusals every time
    done = running_then(message(done=True), after=3)
    answered: dict[str, int] = {}

    def get(call: Call) -> Any:
        with lock:
            if chance.random() < 0.5:
                call.refuse(grpc.StatusCode.UNAVAILABLE, "overloaded")
            call.number = answered[call.id] = answered.get(call.id, 0) + 1
        return done(call)

    names = [f"o{number}" for number in range(50)]
    with ScriptedServer(get) as server, client_of(server, rate=10_000.0) as client, lasting(0.0, 15.0):
        assert len(client.wait_all(names, 30).succeeded) == 50
        assert 300 <= server.gets() <= 550  # four answers each, and as many refusals


def test_a_server_that_says_goaway_is_not_felt() -> None:
    options = [("grpc.max_connection_age_ms", 500), ("grpc.max_connection_age_grace_ms", 200)]
    names = [f"o{number}" for number in range(20)]
    with (
        ScriptedServer(running_then(message(done=True), after=40), options=options) as server,
        client_of(server, rate=10_000.0) as client,
    ):
        watch = client.watch(*names)
        assert len(watch.wait(20).succeeded) == 20
        assert watch.view().health.last_status is None


def test_a_slow_server_is_asked_no_more_than_it_answers() -> None:
    under_way, pause = UnderWay(), threading.Event()

    def get(call: Call) -> Any:
        with under_way:
            pause.wait(0.3)
        return running_then(message(done=True), after=1)(call)

    names = [f"o{number}" for number in range(300)]
    with ScriptedServer(get, threads=300) as server, client_of(server, rate=10_000.0) as client, lasting(0.0, 10.0):
        assert len(client.wait_all(names, 30).succeeded) == 300
        assert under_way.most <= 128
        assert server.gets() == 600  # none was asked again for being slow
