"""How few calls it takes to notice the end of an operation soon, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ds_ops_magic.polling.schedule import Schedule

from .report import Bar, Row
from .simulator import Outcome, Policy, by_schedule, every, growing, log_uniform, simulate

GOOGLE = growing(1.0, 1.5, 20.0)
"""google.api_core.future.polling.DEFAULT_POLLING."""


def run(quick: bool) -> list[Row]:
    """Follow log-uniform durations of 1 s to 6 h: this schedule, a fixed second, and google-api-core's intervals."""
    spans = log_uniform(100 if quick else 2000, 1.0, 6 * 3600.0)

    def outcome(policy: Policy) -> Outcome:
        return simulate(spans, policy)

    ours, yandexcloud, google = outcome(by_schedule(Schedule())), outcome(every(1.0)), outcome(GOOGLE)
    longest, equal = _of_as_many_calls(google, outcome)
    return [
        Row(
            "calls an operation, fixed 1 s / ours",
            yandexcloud.calls / ours.calls,
            measured=_each("calls_each", ours=ours, yandexcloud=yandexcloud, google=google),
            bar=Bar(at_least=5.0),
        ),
        Row(
            "mean of delay / duration, %",
            100 * ours.mean_share,
            " %",
            {"yandexcloud": 100 * yandexcloud.mean_share, "google": 100 * google.mean_share},
            Bar(at_most=5.0),
        ),
        Row(
            "p99 of the delay",
            ours.percentile(0.99),
            " s",
            {"yandexcloud": yandexcloud.percentile(0.99), "google": google.percentile(0.99)},
            Bar(at_most=6.5),
        ),
        Row(
            f"mean delay at google's calls ({longest:.1f} s at most), ours / google's",
            equal.mean_delay / google.mean_delay,
            measured=_each("mean_delay", ours=equal, google=google) | {"calls": equal.calls / google.calls},
            bar=Bar(at_most=1.0),
        ),
        Row(
            "mean of delay / duration at google's calls, ours / google's",
            equal.mean_share / google.mean_share,
            measured=_each("mean_share", ours=equal, google=google),
            bar=Bar(at_most=1.0),
        ),
    ]


def _of_as_many_calls(google: Outcome, outcome: Callable[[Policy], Outcome]) -> tuple[float, Outcome]:
    """Find the upper bound of the interval with which this schedule makes no more calls than google-api-core."""
    low, high = 1.0, 60.0
    for _ in range(8):
        middle = (low + high) / 2
        if outcome(by_schedule(replace(Schedule(), longest=middle))).calls > google.calls:
            low = middle
        else:
            high = middle
    return high, outcome(by_schedule(replace(Schedule(), longest=high)))


def _each(what: str, **outcomes: Outcome) -> dict[str, float]:
    return {name: getattr(outcome, what) for name, outcome in outcomes.items()}
