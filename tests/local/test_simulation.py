"""Simulated operations: pure functions of time, so that no test here waits."""

from __future__ import annotations

import itertools
import math

import pytest
from google.rpc.error_details_pb2 import QuotaFailure

from ds_ops_magic.local.simulation import CANCEL_DURATION, MAX_DURATION, MAX_STEPS, OUTCOMES, Simulation, state_at

SECOND = 1_000_000_000
BEGAN = 1_700_000_000 * SECOND


def at(simulation, seconds, cancelled=None):
    requested = None if cancelled is None else BEGAN + round(cancelled * SECOND)
    return state_at(simulation, BEGAN, requested, BEGAN + round(seconds * SECOND))


def code(state):
    return state.error.code if state.error else None


def test_steps():
    simulation = Simulation(duration=5, steps=5)
    states = [at(simulation, seconds) for seconds in (0, 0.99, 1, 3.5, 4.999, 5)]
    assert [(state.metadata.progress.message, state.metadata.progress.progress, state.done) for state in states] == [
        ("step 0 of 5", 0, False),
        ("step 0 of 5", 0, False),
        ("step 1 of 5", 20, False),
        ("step 3 of 5", 60, False),
        ("step 4 of 5", 80, False),
        ("step 5 of 5", 100, True),
    ]


def test_success():
    end = at(Simulation(1, 1, "success"), 1)
    assert (end.done, end.error) == (True, None)
    assert end.response.result.return_code == 0
    assert end.response.HasField("result")


@pytest.mark.parametrize(
    ("simulation", "timeline"),
    [
        (Simulation(2, 4, "failure"), [(1.999, None, False), (2, 8, True)]),
        (Simulation(10, 10, "failing"), [(5.999, None, False), (6, 13, False), (9.999, 13, False), (10, 13, True)]),
        (Simulation(4, 4, "cancelled"), [(1.999, None, False), (2, 1, False), (2.299, 1, False), (2.3, 1, True)]),
        (Simulation(0, 3, "success"), [(0, None, True)]),
        (Simulation(0, 3, "failure"), [(0, 8, True)]),
        (Simulation(0, 3, "cancelled"), [(0.3, 1, True)]),
    ],
)
def test_errors(simulation, timeline):
    states = [at(simulation, seconds) for seconds, *_ in timeline]
    assert [(code(state), state.done) for state in states] == [tuple(expected) for _, *expected in timeline]


def test_failure():
    end = at(Simulation(2, 4, "failure"), 2)
    assert end.response is None
    detail = QuotaFailure()
    assert end.error.details[0].Unpack(detail)
    assert detail.violations[0].description
    assert end.metadata.progress.progress == 75, "the step that failed did not complete"
    assert at(Simulation(10, 10, "failing"), 9).metadata.progress.progress == 60


@pytest.mark.parametrize("outcome", ["success", "failure", "failing", "cancelled"])
@pytest.mark.parametrize("requested", [0, 1.0, 6.5, 9.99])
def test_cancel(outcome, requested):
    simulation = Simulation(10, 10, outcome)
    before, during, end = (
        at(simulation, requested + later, requested) for later in (-1e-6, 0, CANCEL_DURATION / SECOND)
    )
    if not before.done:
        assert (code(during), during.done) in [(1, False), (1, True)]
        assert (code(end), end.done) == (1, True)
    assert end.done


def test_first_cancel_counts():
    simulation = Simulation(10, 10, "cancelled")
    assert at(simulation, 5.31, cancelled=5.1).modified_at == BEGAN + 5_300_000_000


def test_no_cancel():
    simulation = Simulation(2, 2, "no-cancel")
    assert not simulation.cancellable
    assert at(simulation, 1.5, cancelled=1) == at(simulation, 1.5)
    assert at(simulation, 2, cancelled=1).response.result.return_code == 0


def test_cancel_after_the_end():
    simulation = Simulation(1, 1)
    assert at(simulation, 3, cancelled=2) == at(simulation, 3)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("cancelled", [None, 0.0, 0.31, 0.8])
def test_states_are_monotonic(outcome, cancelled):
    simulation = Simulation(1, 7, outcome)
    states = [at(simulation, step / 200, cancelled if cancelled is not None and step / 200 >= cancelled else None)
              for step in range(400)]  # fmt: skip
    stamps = [state.modified_at for state in states]
    assert stamps == sorted(stamps)
    assert all(state.modified_at <= BEGAN + round(step / 200 * SECOND) for step, state in enumerate(states))
    percents = [state.metadata.progress.progress for state in states]
    assert percents == sorted(percents)
    first = next(number for number, state in enumerate(states) if state.done)
    assert all(state == states[first] for state in states[first:])
    assert at(simulation, 365 * 86400, cancelled) == states[first]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_modified_at_of_every_change(outcome):
    simulation = Simulation(1, 3, outcome)
    states = [at(simulation, step / 300) for step in range(450)]
    for before, after in itertools.pairwise(states):
        assert (before == after) == (before.modified_at == after.modified_at)


def test_clock_set_back():
    simulation = Simulation(1, 3)
    assert state_at(simulation, BEGAN, None, BEGAN - 60 * SECOND) == at(simulation, 0)
    assert state_at(simulation, BEGAN, BEGAN - 60 * SECOND, BEGAN).error.code == 1


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("duration", wrong) for wrong in (-1, math.nan, math.inf, MAX_DURATION + 1, 10**400, "3", True)),
        *(("steps", wrong) for wrong in (0, 1.5, True, MAX_STEPS + 1)),
        *(("outcome", wrong) for wrong in ("fine", None)),
        *(("return_code", wrong) for wrong in (2**63, -(2**63) - 1, 1.0, True, None, "137")),
        *(("graceful", wrong) for wrong in (-1, math.nan, MAX_DURATION + 1, True, "5")),
        *(("file_errors", wrong) for wrong in ("a.txt", None, 7, ["x"] * 101)),
    ],
)
def test_invalid_arguments(name, wrong):
    with pytest.raises(ValueError, match=f"^{name} is .*, not .*\\.$") as caught:
        Simulation(**{name: wrong})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("path", ["", 7, None, b"x", "a\nb", "x" * 257])
def test_invalid_path(path):
    with pytest.raises(ValueError, match=r"^A path in file_errors is .*, not .*\.$"):
        Simulation(file_errors=["a.txt", path])


@pytest.mark.parametrize("return_code", [0, 1, 137, 255, -9, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("outcome", ["success", "no-cancel"])
def test_return_code(outcome, return_code):
    end = at(Simulation(1, 1, outcome, return_code), 1)
    assert (end.error, end.response.result.return_code) == (None, return_code)


def test_file_errors():
    end = at(Simulation(1, 1, file_errors=["a.txt", "b/c.bin"]), 1)
    assert [error.output_file_desc.path for error in end.response.output_files_errors] == ["a.txt", "b/c.bin"]
    assert all(error.description for error in end.response.output_files_errors)
    assert at(Simulation(1, 1, "failure", file_errors=["a.txt"]), 1).response is None


def test_graceful_cancel_takes_its_time():
    simulation = Simulation(10, 10, graceful=4)
    ends = BEGAN + 6 * SECOND
    states = [state_at(simulation, BEGAN, BEGAN + 2 * SECOND, BEGAN + round(seconds * SECOND), ends)
              for seconds in (1.9, 2, 5.9, 6, 100)]  # fmt: skip
    assert [(code(state), state.done) for state in states] == [
        (None, False),
        (1, False),
        (1, False),
        (1, True),
        (1, True),
    ]
    assert states[-1].modified_at == ends


def test_someone_else_is_faster_than_a_graceful_cancel():
    simulation = Simulation(10, 10, "cancelled", graceful=100)
    requested = BEGAN + 6 * SECOND
    assert state_at(simulation, BEGAN, requested, requested, requested + 100 * SECOND).done


def test_largest_simulation():
    simulation = Simulation(MAX_DURATION, MAX_STEPS)
    assert at(simulation, MAX_DURATION / 2).metadata.progress.message == f"step {MAX_STEPS // 2} of {MAX_STEPS}"
    assert at(simulation, MAX_DURATION).done
