"""How much slower the user's own computation is while 10,000 operations are followed at 500 Gets/s."""

from __future__ import annotations

import os
import time

from . import compute
from .contenders import client_of
from .processes import alone, median
from .report import Bar, Row
from .server import FOR_EVER, Server, ids

_RATE = 500.0
_WAYS = {"pure Python": compute.pure_python, "numpy": compute.numpy}


def run(quick: bool) -> list[Row]:
    """Compute with and without, in turns."""
    rows = []
    with Server() as server:
        for name in _WAYS:
            speeds = alone(_measure, server.address, name, *((1000, 2, 0.5) if quick else (10_000, 9, 3.0)))
            rows.append(
                Row(f"{name}: without / with", speeds["without"] / speeds["with"], "", speeds, Bar(at_most=1.2))
            )
    return rows


def _measure(address: str, name: str, number: int, rounds: int, seconds: float) -> dict[str, float]:
    """Return turns of the computation per second, while nothing is asked and while as much is as the rate allows."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # the other core is the server's
    compute_for = _WAYS[name]
    names = ids("neighbour", [FOR_EVER] * number)
    speeds: dict[str, list[float]] = {"without": [], "with": []}
    with client_of(address, rate=_RATE) as client, client.watch(*names):
        time.sleep(number / _RATE + 1.0)  # until each was answered about
        poller = client._poller.started()
        for _ in range(rounds):
            poller.before_fork()  # lets go of the channel, so that nothing is asked
            speeds["without"].append(compute_for(seconds))
            poller.after_fork_in_parent()
            time.sleep(1.0)
            speeds["with"].append(compute_for(seconds))
    return {how: median(found) for how, found in speeds.items()}
