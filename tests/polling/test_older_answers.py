"""Which of two answers about an operation is the older one."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.polling.tracked import is_older
from tests.support.scripted import message


@pytest.mark.parametrize(
    ("first", "second", "older"),
    [
        ({"modified": 5}, {"modified": 6}, True),
        ({"modified": 5}, {"modified": 5.0}, False),
        ({"modified": 6}, {"modified": 5}, False),
        ({"modified": 5}, {"modified": 60, "done": True}, False),  # the end counts, whatever its time
        ({"modified": 60, "done": True}, {"modified": 5}, True),  # done never returns to not done
        ({"modified": 5, "done": True}, {"modified": 6, "done": True}, True),
    ],
)
def test_which_of_two_answers_is_older(first: dict[str, Any], second: dict[str, Any], older: bool) -> None:
    known, new = message("a", **first), message("a", **second)
    if first["modified"] == second["modified"]:
        new.modified_at.CopyFrom(known.modified_at)
    assert is_older(Operation(new), Operation(known)) is older


def test_answers_without_a_time_are_taken_as_they_come() -> None:
    timeless = message("a")
    timeless.ClearField("modified_at")
    assert not is_older(Operation(timeless), Operation(message("a")))
    assert not is_older(Operation(message("a")), Operation(timeless))
    assert is_older(Operation(timeless), Operation(message("a", done=True)))
