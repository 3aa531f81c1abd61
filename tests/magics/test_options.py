"""The values that options take."""

from __future__ import annotations

import argparse

import pytest

from ds_ops_magic.magics.command_line import count, seconds, unquoted, variable_name


@pytest.mark.parametrize(
    ("text", "value"),
    [("30", 30), ("30s", 30), ("0", 0), ("0.5", 0.5), ("10m", 600), ("2h", 7200), ("1d", 86400), (" 1.5H ", 5400)],
)
def test_lengths_of_time(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "-1", "1x", "1 m", "1e3", "inf", "nan", "0x10", "9" * 400, "1m30s", "None"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no length of time: give 30, 30s, 10m, 2h or 1d"):
        seconds(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", ""])
def test_no_count(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no number of operations: give 1 or more"):
        count(text)
    assert count("1") == 1


@pytest.mark.parametrize("text", ["1x", "class", "a.b", ""])
def test_no_variable_name(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no name of a variable"):
        variable_name(text)
    assert variable_name("имя") == "имя"


def test_unquoted() -> None:
    assert [unquoted(text) for text in ("'a b'", '"a"', "a", "'a", "'", "''")] == ["a b", "a", "a", "'a", "'", ""]
