"""What following 1,000 long operations takes: one poller, or a thread each in other waiters."""

from __future__ import annotations

import time

from .contenders import WAITERS, Noticed, client_of, in_threads
from .processes import Usage, alone
from .report import Bar, Row
from .server import FOR_EVER, Server, ids

_OURS = "poller"
_BARS = {"threads": 50.0, "memory (MB)": 10.0, "CPU (s)": 5.0}


def run(quick: bool) -> list[Row]:
    """Follow operations of an hour through their first minute and a half; one contender after the other."""
    number, seconds = (50, 2.0) if quick else (1000, 90.0)
    used = {}
    with Server() as server:
        for who in (_OURS, *WAITERS):
            used[who] = alone(_follow, who, server.address, number, seconds)
            used[who]["calls"] = server.count("waiters")
    rows = []
    for figure, least in _BARS.items():
        for who in WAITERS:
            measured = {name: used[name][figure] for name in (_OURS, who)}
            ratio = measured[who] / max(measured[_OURS], 1e-9)
            rows.append(Row(f"{figure}: {who} / poller", ratio, "", measured, None if quick else Bar(at_least=least)))
    rows.append(Row("calls", used[_OURS]["calls"], "", {who: found["calls"] for who, found in used.items()}))
    each = {who: 1e6 * found["CPU (s)"] / found["calls"] for who, found in used.items()}
    rows.append(Row("CPU a call", each[_OURS], " us", each))
    return rows


def _follow(who: str, address: str, number: int, seconds: float) -> dict[str, float]:
    """Return what it takes: all threads, and the memory and CPU beyond what following one that has ended takes.

    For that one the contender's modules are imported and its channel is opened, which is no matter of how many.
    """
    threads = Usage()
    with client_of(address) as client:
        wait = client.wait if who == _OURS else WAITERS[who](address)
        wait(ids("first", [0.0])[0])
        usage, names = Usage(), ids("waiters", [FOR_EVER] * number)
        if who == _OURS:
            watch = client.watch(*names)
        else:
            in_threads(wait, names, Noticed())
        time.sleep(seconds)
        found = {"threads": threads.threads, "memory (MB)": usage.memory / 1e6, "CPU (s)": usage.cpu}
        if who == _OURS:
            watch.stop()
        return found
