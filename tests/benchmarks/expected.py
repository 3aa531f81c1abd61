"""What it brings to know how long a kind of operation usually takes: calls and delay, with and without, simulated.

Kinds of a median of 5 s to 1 h each, as likely; one operation in twenty fails at some moment of the first fifth. What a
history knows are 12 earlier runs of each kind, drawn like the rest. "At as many calls" compares with the plain one,
all its intervals scaled until it makes as many.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ds_ops_magic.model.estimates import Durations
from ds_ops_magic.polling.schedule import Schedule

from .report import Bar, Row
from .simulator import Intervals, Outcome, Policy, Span, by_schedule, log_normal, simulate

_KINDS = 12
_SCHEDULE = Schedule()


@dataclass(frozen=True)
class _World:
    """Operations, the kind of each, and what is known of each kind."""

    spans: Sequence[Span]
    kinds: Sequence[int]
    known: Sequence[Durations]


def run(quick: bool) -> list[Row]:
    """Follow operations of kinds that take about as long each time, or not, and a burst of one kind."""
    number = 100 if quick else 2000
    rows = []
    # The bars: a gain where kinds are distinct, no loss where they are not.
    for spread, most in ((0.2, 0.75), (0.5, 0.9), (1.0, 1.05)):
        rows += _with_and_without(f"spread {spread:g}", _world(number, spread, runs=12), None if quick else most)
    rows.append(_burst(100 if quick else 2000, 200.0))
    return rows


def _with_and_without(name: str, world: _World, most: float | None) -> list[Row]:
    plain, known = simulate(world.spans, by_schedule(_SCHEDULE)), simulate(world.spans, _by_kind(world))
    as_many = _of_as_many_calls(world.spans, known.calls)
    return [
        Row(
            f"{name}: calls an operation, with / without",
            known.calls / plain.calls,
            "",
            _of("calls_each", known, plain),
        ),
        Row(
            f"{name}: mean delay, with / without",
            known.mean_delay / plain.mean_delay,
            "",
            _of("mean_delay", known, plain),
        ),
        Row(
            f"{name}: mean delay at as many calls, with / without",
            known.mean_delay / as_many.mean_delay,
            "",
            _of("mean_delay", known, as_many),
            Bar(at_most=most) if most else None,
        ),
        Row(
            f"{name}: p99 of the delay",
            known.percentile(0.99),
            " s",
            {"without": plain.percentile(0.99), "without, at as many calls": as_many.percentile(0.99)},
        ),
    ]


def _burst(number: int, rate: float) -> Row:
    """Follow operations of one kind that begin at once, where the rate is the limit."""
    spans = log_normal(number, 60.0, spread=0.3)
    earlier = Durations(tuple(sorted(span.took for span in log_normal(12, 60.0, spread=0.3, seed=12))))
    plain = simulate(spans, by_schedule(_SCHEDULE), rate)
    known = simulate(spans, lambda chance: _intervals(earlier, chance), rate)
    return Row(
        f"burst of {number:,} of one kind at {rate:g} calls/s: mean delay, with / without",
        known.mean_delay / plain.mean_delay,
        "",
        {**_of("mean_delay", known, plain), "bound": plain.bound},
    )


def _world(number: int, spread: float, *, runs: int) -> _World:
    chance = random.Random(11)  # noqa: S311  # a simulation is to come out the same
    medians = [5.0 * 720.0 ** chance.random() for _ in range(_KINDS)]

    def took(kind: int) -> float:
        return medians[kind] * math.exp(spread * chance.gauss(0.0, 1.0))

    kinds = [chance.randrange(_KINDS) for _ in range(number)]
    lengths = [took(kind) * (0.2 * chance.random() if chance.random() < 0.05 else 1.0) for kind in kinds]
    known = [Durations(tuple(sorted(took(kind) for _ in range(runs)))) for kind in range(_KINDS)]
    return _World([Span(0.0, max(0.1, length)) for length in lengths], kinds, known)


def _by_kind(world: _World) -> Policy:
    """Ask as this package does of operations whose kinds it knows; they are made in the order of the operations."""
    kinds = iter(world.kinds)
    return lambda chance: _intervals(world.known[next(kinds)], chance)


def _intervals(known: Durations, chance: random.Random) -> Intervals:
    return lambda age: known.interval(age, _SCHEDULE.interval(age, chance.random()))


def _of_as_many_calls(spans: Sequence[Span], calls: int) -> Outcome:
    """Follow by the plain schedule, its intervals scaled so that it makes as many calls."""
    low, high = 0.3, 3.0
    for _ in range(9):
        middle = math.sqrt(low * high)
        scaled = replace(
            _SCHEDULE,
            fraction=_SCHEDULE.fraction * middle,
            shortest=_SCHEDULE.shortest * middle,
            longest=_SCHEDULE.longest * middle,
        )
        outcome = simulate(spans, by_schedule(scaled))
        low, high = (middle, high) if outcome.calls > calls else (low, middle)
    return outcome


def _of(what: str, known: Outcome, plain: Outcome) -> dict[str, Any]:
    return {"with": getattr(known, what), "without": getattr(plain, what)}
