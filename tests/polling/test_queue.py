"""What is asked about next: operations with misses and without do not hold each other up."""

from __future__ import annotations

import math
import random

import pytest

from ds_ops_magic.polling.queue import PollQueue

MOST = 8


def taken(queue: PollQueue, *, outage: bool = False) -> list[str]:
    """Take all that there is room for, and leave it under way."""
    names = []
    while queue.next_due(outage=outage) < math.inf:
        names.append(queue.take(math.inf, outage=outage)[0])
    assert queue.take(math.inf, outage=outage) is None
    return names


def filled(fresh: int, missed: int) -> PollQueue:
    """Have so many of either kind; those with misses are due first."""
    queue = PollQueue(MOST)
    for number in range(missed):
        queue.put(f"missed{number}", number, misses=2)
    for number in range(fresh):
        queue.put(f"fresh{number}", 100.0 + number)
    return queue


def test_what_is_due_first_comes_first_of_whichever_kind() -> None:
    queue = PollQueue(MOST)
    queue.put("b", 2.0, misses=1)
    queue.put("c", 3.0)
    queue.put("a", 1.0)
    queue.put("a2", 1.0)  # the first put comes first
    assert queue.next_due(outage=False) == 1.0
    assert taken(queue) == ["a", "a2", "b", "c"]


FRESH, MISSED = ([f"{kind}{number}" for number in range(10)] for kind in ("fresh", "missed"))


@pytest.mark.parametrize(
    ("fresh", "missed", "outage", "expected"),
    [
        (10, 0, False, FRESH[:8]),
        (0, 10, False, MISSED[:4]),  # half of the room is kept for the others
        (10, 10, False, MISSED[:4] + FRESH[:4]),
        (10, 0, True, FRESH[:2]),
        (0, 10, True, MISSED[:2]),
        (10, 10, True, ["missed0", "fresh0"]),
        (1, 10, True, ["missed0", "fresh0"]),
    ],
)
def test_how_many_are_under_way(fresh: int, missed: int, outage: bool, expected: list[str]) -> None:
    assert taken(filled(fresh, missed), outage=outage) == expected


def test_in_an_outage_one_missed_answer_goes_before_many() -> None:
    queue = filled(0, 10)
    queue.put("once", 50.0, misses=1)
    assert queue.take(49.0, outage=True) == ("missed0", True)  # it is not due yet
    assert queue.take(50.0, outage=True) == ("once", True)
    queue.put("once", 50.0, misses=1)
    assert queue.take(50.0, outage=False) == ("missed1", True)


def test_an_outage_that_begins_with_misses_under_way() -> None:
    queue = filled(3, 4)
    assert [queue.take(math.inf, outage=False) for _ in range(4)] == [(f"missed{number}", True) for number in range(4)]
    assert taken(queue, outage=True) == ["fresh0"]
    queue.ended(missed=False)
    assert taken(queue, outage=True) == ["fresh1"]
    for _ in range(4):
        queue.ended(missed=True)
    assert taken(queue, outage=True) == ["fresh2"]


def test_it_agrees_with_a_sorted_list() -> None:
    chance = random.Random(7)  # noqa: S311  # a test wants the same numbers every time
    queue, expected = PollQueue(10_000), {}
    for step in range(3000):
        name, due = f"o{chance.randrange(200)}", chance.random()
        expected.pop(name, None)
        if chance.random() < 0.7:
            queue.put(name, due, misses=chance.randrange(4))
            expected[name] = (due, step)
        else:
            queue.drop(name)
    order = [(due, name) for due, name in ((expected[name][0], name) for name in taken(queue))]
    assert sorted(name for _, name in order) == sorted(expected)
    assert [due for due, _ in order] == sorted(due for due, _ in expected.values())
