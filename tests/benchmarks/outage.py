"""How soon a wait goes on when its server is back, and how hard the server is hit then."""

from __future__ import annotations

import time
from collections import Counter

from tests.support.proxy import Proxy

from .contenders import Noticed, client_of, in_threads, yandexcloud_waiter
from .report import Bar, Row
from .server import FOR_EVER, Server, ids

_RATE = 200.0
_NUMBER = 1000
_PATIENCE = 90.0


def run(quick: bool) -> list[Row]:
    """Kill the server, start it again on the same port after so many seconds; yandexcloud's waiter beside it."""
    rows = []
    for down in (0.5,) if quick else (0.5, 5.0, 60.0):
        found, calls = _resumed(down, 2.0 if quick else _PATIENCE)
        what = f"{down:g} s gone: from its return to the first call"
        rows.append(Row(what, found["poller"], " s", found, Bar(at_most=1.5)))
        rows.append(
            Row(f"{down:g} s gone: most calls in a second, of a rate of 200", calls, "", {}, Bar(at_most=_RATE * 1.3))
        )
    for down in () if quick else (5.0, 20.0):
        rows.append(Row(f"packets dropped for {down:g} s: from their passing to the first call", _passing(down), " s"))
    return rows


def _passing(down: float) -> float:
    """Drop what is sent, then let new connections through; return the seconds to the first call over one of them."""
    with Server() as server, Proxy(server.port) as proxy, client_of(proxy.address, rate=_RATE) as client:
        watch = client.watch(*ids("poller", [FOR_EVER] * _NUMBER))
        while not all(watch.operations):
            time.sleep(0.1)
        proxy.drop()
        time.sleep(down)
        server.calls("poller")
        proxy.restore()
        passing = time.time()
        while not (came := server.calls("poller")) and time.time() < passing + _PATIENCE:
            time.sleep(0.05)
        return came[0] - passing if came else _PATIENCE


def _resumed(down: float, patience: float) -> tuple[dict[str, float], float]:
    """Return the seconds to each contender's first call, and the most calls that ours made in any second."""
    server = Server()
    waited_for = ids("waiter", [FOR_EVER])
    with client_of(server.address, rate=_RATE) as client:
        watch = client.watch(*ids("poller", [FOR_EVER] * _NUMBER))
        in_threads(yandexcloud_waiter(server.address), waited_for, Noticed())
        while not all(watch.operations) or not server.count("waiter"):
            time.sleep(0.1)
        server.kill()
        time.sleep(down)
        with Server(server.port) as again:
            return _first_calls(again, patience)


def _first_calls(server: Server, patience: float) -> tuple[dict[str, float], float]:
    came: dict[str, list[float]] = {"poller": [], "waiter": []}
    while time.time() < server.listening_since + patience and not all(came.values()):
        time.sleep(0.5)
        for who, times in came.items():
            times += server.calls(who)
    while time.time() < server.listening_since + 5.0:  # a storm would be over by then
        time.sleep(0.5)
        came["poller"] += server.calls("poller")
    first = {who: (min(times) - server.listening_since if times else patience) for who, times in came.items()}
    seconds = Counter(int(came_at - server.listening_since) for came_at in came["poller"])
    return {"poller": first["poller"], "yandexcloud": first["waiter"]}, max(seconds.values(), default=0)
