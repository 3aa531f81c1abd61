"""A tracked operation: when it is asked about again, how long a call may take, and which answer is older."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata

from ds_ops_magic.model.estimates import Durations
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.polling.schedule import Schedule
from ds_ops_magic.polling.tracked import TrackedOperation, is_older
from tests.support.recording import Recorder
from tests.support.scripted import message

SCHEDULE = Schedule(jitter=0.0)
KNOWN = Durations((58.0, 59.0, 60.0, 61.0, 62.0, 63.0))


def tracked(*listeners: Recorder, operation: bool = True) -> TrackedOperation:
    made = message("op1")
    made.metadata.Pack(CreateProjectMetadata())
    return TrackedOperation(
        "op1", "op1", 0.0, list(map(weakref.ref, listeners)), operation=Operation(made) if operation else None
    )


def test_the_schedule_says_when_where_nothing_is_known() -> None:
    ignorant, knowing = Recorder(), Recorder()
    knowing.durations["another.kind"] = KNOWN
    for one in (tracked(operation=False), tracked(ignorant, operation=False), tracked(ignorant), tracked(knowing)):
        assert one.interval(SCHEDULE, 50.0, 0.5) == SCHEDULE.interval(50.0, 0.5)


def test_what_any_listener_knows_of_its_kind_counts() -> None:
    knowing = Recorder()
    knowing.durations["yandex.cloud.datasphere.v2.CreateProjectMetadata"] = KNOWN
    ignorant = Recorder()
    one = tracked(ignorant, knowing)
    assert one.interval(SCHEDULE, 50.0, 0.5) == KNOWN.interval(50.0, 5.0) == 2.5


def test_the_deadline_of_a_call_follows_slow_answers() -> None:
    one = TrackedOperation("op1", "op1", 0.0)
    deadlines = []
    for _ in range(7):
        deadlines.append(one.deadline)
        one.note_timeout(one.deadline)
    assert deadlines == [5.0, 10.0, 20.0, 40.0, 80.0, 120.0, 120.0]
    one.note_answer(6.0)
    assert one.deadline == 120.0
    one.note_answer(4.9)
    assert one.deadline == 5.0
    one.note_timeout(1.0)  # a probe
    assert one.deadline == 5.0


@pytest.mark.parametrize(
    ("last", "new", "older"),
    [
        ({"modified": 5}, {"modified": 6}, True),
        ({"modified": 5}, {"modified": 5.0}, False),
        ({"modified": 6}, {"modified": 5}, False),
        ({"modified": 5}, {"modified": 60, "done": True}, False),  # the end counts, whatever its time
        ({"modified": 60, "done": True}, {"modified": 5}, True),  # done never returns to not done
        ({"modified": 5, "done": True}, {"modified": 6, "done": True}, True),
    ],
)
def test_which_of_two_answers_is_older(last: dict[str, Any], new: dict[str, Any], older: bool) -> None:
    first = message("a", **last)
    second = message("a", **new)
    if last["modified"] == new["modified"]:
        second.modified_at.CopyFrom(first.modified_at)
    assert is_older(Operation(second), Operation(first)) is older


def test_answers_without_a_time_are_taken_as_they_come() -> None:
    timeless = message("a")
    timeless.ClearField("modified_at")
    assert not is_older(Operation(timeless), Operation(message("a")))
    assert not is_older(Operation(message("a")), Operation(timeless))
    assert is_older(Operation(timeless), Operation(message("a", done=True)))
