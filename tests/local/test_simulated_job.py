"""The text that a row keeps of a simulated operation."""

from __future__ import annotations

import json

import pytest

from ds_ops_magic.local.errors import Damaged
from ds_ops_magic.local.simulated_job import (
    Requests,
    SimulatedJob,
    job_of,
    log_of,
    log_text_of,
    log_to_text,
    text_of,
)
from ds_ops_magic.local.simulation import Simulation


def test_round_trip():
    simulation = Simulation(2.5, 7, "no-cancel", -9, 0, ["a.txt"], ["x", ("stderr", "y")])
    requests = Requests(True, 5, "job1", "desc", "reason", 9)
    log_text = log_to_text(simulation)
    text = text_of(SimulatedJob(simulation, requests), log_text)
    read = job_of(text)
    assert read.requests == requests
    assert read.simulation == Simulation(2.5, 7, "no-cancel", -9, 0, ["a.txt"])
    assert log_of(log_text_of(text)) == simulation.lines
    changed = text_of(read.asked(waits=False), log_text_of(text))
    assert log_text_of(changed) == log_text
    assert not job_of(changed).requests.waits


def test_text_of_an_earlier_version():
    earlier = '{"duration": 3.0, "steps": 5, "outcome": "success"}'
    assert job_of(earlier) == SimulatedJob(Simulation())
    assert log_of(log_text_of(earlier)) == ()
    assert json.loads(text_of(SimulatedJob(Simulation()))) == json.loads(earlier), "which it can read in turn"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{",
        "[" * 100_000,
        '{"duration": "long"}',
        '{"unknown": 1}',
        '{"requests": 1}',
        '{"requests": {"cancel_ends": "soon"}}',
        '{"requests": {"reason": 7}}',
        '{"requests": {"unknown": 7}}',
    ],
    ids=lambda text: text[:30],
)
def test_damaged(text):
    with pytest.raises(Damaged, match="cannot be read"):
        job_of(text)


@pytest.mark.parametrize("text", ["{", "7", '"text"', "[7]", "[" * 100_000], ids=lambda text: text[:10])
def test_damaged_log(text):
    with pytest.raises(Damaged, match="log of a simulated operation in it cannot be read"):
        log_of(text)
