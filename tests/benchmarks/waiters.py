"""What following 1,000 operations takes: one engine, or a thread each in other waiters."""

from __future__ import annotations

import random
import time

from .contenders import WAITERS, Noticed, client_of, in_threads
from .processes import Usage, alone
from .report import Bar, Row
from .server import Server, ids

_OURS = "engine"
_BARS = {"threads": 50.0, "memory (MB)": 10.0, "CPU (s)": 5.0}


def run(quick: bool) -> list[Row]:
    """Follow durations of 1 s to 1 min, log-uniform, to their ends; one contender after the other."""
    number, longest = (50, 2.0) if quick else (1000, 60.0)
    used = {}
    with Server() as server:
        for who in (_OURS, *WAITERS):
            used[who] = alone(_follow, who, server.address, number, longest)
            used[who]["calls"] = server.count("waiters")
    rows = []
    for figure, least in _BARS.items():
        for who in WAITERS:
            measured = {name: used[name][figure] for name in (_OURS, who)}
            ratio = measured[who] / max(measured[_OURS], 1e-9)
            rows.append(Row(f"{figure}: {who} / engine", ratio, "", measured, None if quick else Bar(at_least=least)))
    for figure in ("calls", "mean delay (s)"):
        rows.append(Row(figure, used[_OURS][figure], "", {who: found[figure] for who, found in used.items()}))
    return rows


def _follow(who: str, address: str, number: int, longest: float) -> dict[str, float]:
    """Follow them all to the end; return what that took of this process, threads and memory at their most."""
    chance, usage, noticed = random.Random(1), Usage(), Noticed()  # noqa: S311  # the same durations for each
    names = ids("waiters", [longest ** chance.random() for _ in range(number)])
    threads = memory = 0.0
    with client_of(address) as client:
        if who == _OURS:
            client._engine.started().follow(names, noticed)
        else:
            in_threads(WAITERS[who](address), names, noticed)
        while len(noticed.at) < number:
            threads, memory = max(threads, usage.threads), max(memory, usage.memory)
            time.sleep(0.1)
    delays = noticed.delays
    return {
        "threads": threads,
        "memory (MB)": memory / 1e6,
        "CPU (s)": usage.cpu,
        "mean delay (s)": sum(delays) / len(delays),
    }
