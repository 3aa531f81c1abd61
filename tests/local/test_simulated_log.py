"""Which lines a user may give, and when each appears."""

from __future__ import annotations

import pytest

from ds_ops_magic.local.simulated_log import (
    MAX_LINE,
    MAX_LOG,
    LogLine,
    SimulatedLog,
    checked_log,
    from_json,
    to_json,
)


def test_sources():
    given = ["a", ("stderr", "b"), [".system.log", ""], ("stdout", "d\r"), "\ud800"]
    lines = checked_log(given)
    assert lines == (
        LogLine("stdout", "a"),
        LogLine("stderr", "b"),
        LogLine(".system.log", ""),
        LogLine("stdout", "d\r"),
        LogLine("stdout", "?"),
    )
    assert [line.content for line in lines] == [b"a\n", b"b\n", b"\n", b"d\r\n", b"?\n"]
    assert from_json(to_json(lines)) == lines
    assert checked_log(None) == checked_log([]) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        "one text",
        b"bytes",
        7,
        {"a": "b"},
        iter(["a"]),
        [b"bytes"],
        [None],
        [("stdout",)],
        [("stdout", b"x")],
        [(1, "x")],
        [("", "x")],
        [("a\nb", "x")],
        [("x" * 257, "x")],
        ["two\nlines"],
        ["with its end\n"],
        ["x" * (MAX_LINE + 1)],
        ["x" * MAX_LINE] * (MAX_LOG // MAX_LINE + 1),
    ],
    ids=lambda wrong: repr(wrong)[:20],
)
def test_bad_lines(wrong):
    with pytest.raises(ValueError, match=r"(?i)(log|source)") as caught:
        checked_log(wrong)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("count", "length"), [(1, 10), (3, 10), (10, 10), (7, 1000), (1000, 7), (5, 0)])
def test_each_line_appears_at_its_time(count, length):
    log = SimulatedLog([LogLine("stdout", str(number)) for number in range(count)], length)
    for elapsed in range(length + 3):
        appeared = [number for number in range(count) if log.time_of(number) <= elapsed]
        assert log.count_at(elapsed) == len(appeared)
    assert log.count_at(0) >= 1, "the first is there from the beginning"
    assert log.count_at(length) == count


def test_no_lines():
    assert SimulatedLog([], 10).count_at(20) == SimulatedLog([], 0).count_at(0) == 0
