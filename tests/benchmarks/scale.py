"""How CPU, memory, threads and delay grow with the number of operations that are followed."""

from __future__ import annotations

import random
import time

from ds_ops_magic.polling.schedule import Schedule

from .contenders import WITHOUT_END, Noticed, client_of
from .processes import Usage, alone, poller_threads
from .report import Bar, Row
from .server import FOR_EVER, Server, ended_at, ids
from .simulator import Span, by_schedule, log_normal, mean_bound, simulate

_RATE = 1000.0
_BURST_RATE = 500.0


def run(quick: bool) -> list[Row]:
    """Follow 100 to 100,000 operations: what it takes, and how late the ends of a burst are noticed."""
    numbers = (100, 1000) if quick else (100, 1000, 10_000, 100_000)
    bursts = {100: 2.0} if quick else {100: 60.0, 1000: 60.0, 10_000: 240.0}
    with Server() as server:
        memory = {number: alone(_memory, server.address, number) for number in numbers}
        work = {number: _work(server, number, 1.0 if quick else 15.0) for number in numbers}
        delays = {number: alone(_burst, server.address, number, longest) for number, longest in bursts.items()}
    return [
        *(_memory_row(number, found) for number, found in memory.items()),
        *(_work_row(number, found) for number, found in work.items()),
        *_growth(memory, work, quick),
        *(_delay_row(f"{number:,} in a burst", number, found) for number, found in delays.items()),
        *(_delay_row(f"{number:,} in a burst, simulated", number, _simulated(number)) for number in numbers[-2:]),
    ]


def _memory(address: str, number: int) -> dict[str, float]:
    """Ask about operations once each, and return what a watch of them keeps."""
    names = ids("scale", [FOR_EVER] * number)
    with client_of(address, rate=WITHOUT_END, schedule=Schedule(shortest=1e6, longest=1e6)) as client:
        client.get(names[0])
        usage = Usage()
        watch = client.watch(*names)
        while not watch._state.all_seen:
            time.sleep(0.05)
        return {"bytes": usage.memory / number, "ours": poller_threads(), "of the process": usage.threads}


def _work(server: Server, number: int, seconds: float) -> dict[str, float]:
    """Return the CPU that following takes, of a core and a Get, and the Gets a second."""
    start, end, cpu = alone(_follow, server.address, number, seconds)
    gets = sum(start <= came < end for came in server.calls("scale"))
    return {"share of a core": cpu / (end - start), "us a Get": 1e6 * cpu / gets, "Gets/s": gets / (end - start)}


def _follow(address: str, number: int, seconds: float) -> tuple[float, float, float]:
    names = ids("scale", [FOR_EVER] * number)
    with client_of(address, rate=_RATE, schedule=Schedule(shortest=1.0, longest=1.0)) as client:
        listener = Noticed()
        client._poller.started().follow(names, listener)
        time.sleep(number / _RATE if number <= 10_000 else 10.0)
        usage, start = Usage(), time.time()
        time.sleep(seconds)
        return start, time.time(), usage.cpu


def _burst(address: str, number: int, longest: float) -> tuple[float, float]:
    """Follow operations that begin at once and end evenly over a time; return the mean delay and its bound."""
    chance, noticed = random.Random(3), Noticed()  # noqa: S311  # the same each time
    with client_of(address, rate=_BURST_RATE) as client:
        client.get(ids("first", [0.0])[0])
        begun = time.time()
        names = ids("burst", [chance.uniform(1.0, longest) for _ in range(number)], begun)
        client._poller.started().follow(names, noticed)
        while len(noticed.at) < number:
            time.sleep(0.1)
    delays = noticed.delays
    spans = [Span(0.0, ended_at(name) - begun) for name in names]
    return sum(delays) / number, mean_bound(spans, _BURST_RATE)


def _simulated(number: int) -> tuple[float, float]:
    """Follow a burst of log-normal durations around a minute, at a rate that grows with the number."""
    outcome = simulate(log_normal(number, 60.0), by_schedule(Schedule()), number / 20)
    return outcome.mean_delay, outcome.bound


def _memory_row(number: int, found: dict[str, float]) -> Row:
    threads = {f"threads {whose}": found[whose] for whose in ("ours", "of the process")}
    # Of few operations the pages that the poller itself takes are all that is seen.
    return Row(f"{number:,}: memory an operation", found["bytes"] / 1000, " kB", threads, _at(number, Bar(at_most=5.0)))


def _work_row(number: int, found: dict[str, float]) -> Row:
    measured = {name: found[name] for name in ("us a Get", "Gets/s")}
    return Row(f"{number:,} at {_RATE:,.0f} Gets/s at most: CPU", found["share of a core"], " core", measured)


def _growth(memory: dict[int, dict[str, float]], work: dict[int, dict[str, float]], quick: bool) -> list[Row]:
    """Compare the largest number with a tenth of it: linear is a ratio of 1."""
    few, many = sorted(memory)[-2:]
    bar = None if quick else Bar(at_most=1.2)
    return [
        Row("threads of ours", max(found["ours"] for found in memory.values()), "", {}, Bar(at_most=1)),
        Row(f"memory an operation, {many:,} / {few:,}", memory[many]["bytes"] / memory[few]["bytes"], "", {}, bar),
        Row(f"CPU a Get, {many:,} / {few:,}", work[many]["us a Get"] / work[few]["us a Get"], "", {}, bar),
    ]


def _delay_row(what: str, number: int, found: tuple[float, float]) -> Row:
    delay, bound = found
    measured = {"delay (s)": delay, "bound (s)": bound}
    return Row(f"{what}: mean delay / bound", delay / bound, "", measured, _at(number, Bar(at_most=1.2)))


def _at(number: int, bar: Bar) -> Bar | None:
    return bar if number == 10_000 else None
