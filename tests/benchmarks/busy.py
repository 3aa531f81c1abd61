"""Which share of a budget of 1,000 Gets/s is met while the main thread computes."""

from __future__ import annotations

import time
from typing import Any

from ds_ops_magic.polling.schedule import Schedule

from .compute import pure_python
from .contenders import WAITERS, Noticed, client_of, in_threads
from .processes import alone
from .report import Bar, Row
from .server import FOR_EVER, Server, ids

_RATE = 1000
_OURS = "poller"


def run(quick: bool) -> list[Row]:
    """Follow 10,000 operations that never end; beside it 1,000 in a thread each, as these waiters have it."""
    seconds, parts = (1.0, 10) if quick else (10.0, 1)
    rows = []
    with Server() as server:
        for who in (_OURS, *WAITERS):
            names = ids("busy", [FOR_EVER] * ((10 if who == _OURS else 1) * _RATE // parts))
            asked = _RATE // (1 if who == _OURS else parts)
            gets = {}
            for how in ("computing", "idle"):
                start, end = alone(_follow, who, server.address, names, seconds, how == "computing")
                gets[how] = sum(start <= came < end for came in server.calls("busy")) / (end - start)
            bar = Bar(at_least=0.95) if who == _OURS else None
            rows.append(
                Row(
                    f"{who}, {len(names):,} operations: share of {asked:,} Gets/s",
                    gets["computing"] / asked,
                    "",
                    gets,
                    bar,
                )
            )
    return rows


def _follow(who: str, address: str, names: list[str], seconds: float, computing: bool) -> tuple[float, float]:
    """Follow, and give the main thread something to do; return from when to when, on the Unix clock."""
    spend = pure_python if computing else time.sleep
    with client_of(address, rate=_RATE, schedule=Schedule(longest=1.0)) as client:
        following: Any = None  # held: a watch that nobody holds stops
        if who == _OURS:
            following = client.watch(*names)
        else:
            in_threads(WAITERS[who](address), names, Noticed())
        spend(seconds / 2)  # until it has found its pace
        start = time.time()
        spend(seconds)
        del following
        return start, time.time()
