"""The benchmarks themselves: that the simulator is right, that what is cheap runs, and that the table says what is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ds_ops_magic.polling.schedule import Schedule

from . import scale
from .__main__ import NAMES, main
from .report import Bar, Row, table
from .server import Server
from .simulator import Span, by_schedule, every, growing, log_normal, log_uniform, mean_bound, simulate


def test_a_fixed_interval_is_as_late_as_can_be_computed() -> None:
    outcome = simulate([Span(0.0, 2.5), Span(10.0, 1.0), Span(0.0, 0.25)], every(1.0))
    assert outcome.delays == [0.5, 0.0, 0.75]
    assert outcome.calls == 4 + 2 + 2
    assert outcome.mean_share == pytest.approx((0.2 + 0.0 + 3.0) / 3)
    assert (outcome.percentile(0.0), outcome.percentile(0.99)) == (0.0, 0.75)


def test_the_bound_is_what_asking_in_turn_comes_to() -> None:
    spans = [Span(0.0, 10_000.0 + 10.0 * number) for number in range(200)]
    outcome = simulate(spans, every(0.0), 10.0)
    assert outcome.bound == mean_bound(spans, 10.0) == pytest.approx(200 / 2 / 20, rel=0.01)
    assert outcome.mean_delay == pytest.approx(outcome.bound, rel=0.1)


def test_a_growing_interval_stays_below_its_most() -> None:
    outcome = simulate(log_uniform(100, 1.0, 3600.0), growing(1.0, 1.5, 20.0))
    assert 15.0 < max(outcome.delays) <= 20.0


def test_the_same_seed_gives_the_same_outcome() -> None:
    spans = log_normal(50, 60.0, arrivals=100.0)
    assert simulate(spans, by_schedule(Schedule()), 5.0) == simulate(spans, by_schedule(Schedule()), 5.0)


def test_what_runs_on_the_virtual_clock_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--quick", "--json", str(tmp_path / "found.json")]) == 0
    out = capsys.readouterr().out
    assert "| calls" in out
    assert "NO |" not in out
    found = json.loads((tmp_path / "found.json").read_text())
    assert {row["benchmark"] for row in found["results"]} == {"calls"}
    assert found["versions"]["grpcio"]


def test_what_follows_operations_of_a_server_runs() -> None:
    with Server() as server:
        assert scale._memory(server.address, 3)["ours"] == 1
        mean_delay, _ = scale._burst(server.address, 3, 1.1)
    assert mean_delay > 0


def test_a_name_that_is_unknown_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "there is no benchmark nothing" in capsys.readouterr().err
    assert len(NAMES) == 11


def test_the_table_says_which_bars_are_met() -> None:
    rows = [
        Row("slow", 2.0, "", {"ours": 2.0, "theirs": 1.0}, Bar(at_most=1.2)),
        Row("many", 12345.6, " Gets", {}, Bar(at_least=100)),
        Row("as it is", 0.5, " s"),
    ]
    assert [line.split("|")[2:7] for line in table({"one": rows}).replace(" ", "").splitlines()[2:]] == [
        ["slow", "ours2,theirs1", "2", "<=1.2", "NO"],
        ["many", "", "12,346Gets", ">=100", "yes"],
        ["asitis", "", "0.5s", "", ""],
    ]
