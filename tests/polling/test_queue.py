"""Who is asked about next: those whose last question was answered and those in doubt do not hold each other up."""

from __future__ import annotations

import math

import pytest

from ds_ops_magic.polling.queue import PollQueue

MOST = 8


def taken(due: PollQueue, *, outage: bool = False) -> list[str]:
    """Take all that there is room for, and leave it under way."""
    names = []
    while due.next_due(outage=outage) is not None:
        names.append(due.take(math.inf, outage=outage)[0])
    return names


def filled(sure: int, doubtful: int) -> PollQueue:
    """Have so many of either kind; those in doubt are due first."""
    due = PollQueue(MOST)
    for number in range(doubtful):
        due.put(f"d{number}", number, doubt=2)
    for number in range(sure):
        due.put(f"s{number}", 100.0 + number)
    return due


def test_what_is_due_first_comes_first_of_whichever_kind() -> None:
    due = PollQueue(MOST)
    due.put("b", 2.0, doubt=1)
    due.put("c", 3.0)
    due.put("a", 1.0)
    assert due.next_due(outage=False) == 1.0
    assert taken(due) == ["a", "b", "c"]


def test_an_id_stands_once_whatever_is_thought_of_it() -> None:
    due = PollQueue(MOST)
    due.put("a", 1.0)
    due.put("a", 3.0, doubt=1)
    due.put("b", 2.0, doubt=5)
    due.put("b", 4.0)
    due.put("c", 0.0)
    due.drop("c")
    assert taken(due) == ["a", "b"]


@pytest.mark.parametrize(
    ("sure", "doubtful", "expected"),
    [
        (10, 0, [f"s{number}" for number in range(8)]),
        (0, 10, ["d0", "d1", "d2", "d3"]),  # half of the room is kept for the others
        (10, 10, ["d0", "d1", "d2", "d3", "s0", "s1", "s2", "s3"]),
    ],
)
def test_so_many_are_under_way_and_those_in_doubt_never_take_all_the_room(
    sure: int, doubtful: int, expected: list[str]
) -> None:
    assert taken(filled(sure, doubtful)) == expected


@pytest.mark.parametrize(
    ("sure", "doubtful", "expected"),
    [(10, 0, ["s0", "s1"]), (0, 10, ["d0", "d1"]), (10, 10, ["d0", "s0"]), (1, 10, ["d0", "s0"])],
)
def test_an_outage_is_probed_by_two(sure: int, doubtful: int, expected: list[str]) -> None:
    assert taken(filled(sure, doubtful), outage=True) == expected


def test_in_an_outage_one_missed_answer_goes_before_many() -> None:
    due = filled(0, 10)
    due.put("once", 50.0, doubt=1)
    assert due.take(49.0, outage=True) == ("d0", True)  # it is not due yet
    assert due.take(50.0, outage=True) == ("once", True)
    due.put("once", 50.0, doubt=1)
    assert due.take(50.0, outage=False) == ("d1", True)


def test_when_an_outage_begins_what_is_in_doubt_and_under_way_holds_up_no_other() -> None:
    due = filled(3, 4)
    assert [due.take(math.inf, outage=False) for _ in range(4)] == [(f"d{number}", True) for number in range(4)]
    assert taken(due, outage=True) == ["s0"]
    due.ended(in_doubt=False)
    assert taken(due, outage=True) == ["s1"]
    for _ in range(4):
        due.ended(in_doubt=True)
    assert taken(due, outage=True) == ["s2"]
