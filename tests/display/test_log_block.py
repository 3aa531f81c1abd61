"""The last lines of a log: bounded, safe to show, and what is not shown is said."""

from __future__ import annotations

import html

import pytest

from ds_ops_magic.display.log_block import MAX_BYTES, LogBlock, PlainLog, log_bundle
from ds_ops_magic.model.log_line import Batch
from tests.support.hostile import STRINGS
from tests.support.markup import check_markup


def batch(text: str, source: str = "stdout") -> Batch:
    return Batch(source, text.encode(), None)


def numbered(first: int, after: int) -> Batch:
    return batch("".join(f"{number}\n" for number in range(first, after)))


def test_the_last_lines() -> None:
    block = LogBlock("op1", 3)
    block.add([numbered(0, 5), numbered(5, 7)])
    block.add([numbered(7, 8)])
    assert block.texts() == ["5", "6", "7"]
    bundle = log_bundle(block, "8 lines in all.")
    assert bundle["text/plain"].splitlines() == [
        "5 earlier lines not shown (%op logs op1 --to FILE has all)",
        "5",
        "6",
        "7",
        "8 lines in all.",
    ]
    assert "<pre" in bundle["text/html"]


def test_the_source_is_said_where_there_are_several() -> None:
    block = LogBlock("op1", 9)
    block.add([batch("only\n", "stderr")])
    assert block.texts() == ["only"]
    block.add([batch("out\n"), batch("file\n", "a\x1b/b.log")])
    assert block.texts() == ["[stderr] only", "out", "[a\ufffd/b.log] file"]


@pytest.mark.parametrize("text", STRINGS)
def test_hostile_lines(text: str) -> None:
    block = LogBlock("op1", 200)
    block.add([batch(f"{text}\n"), batch(text, "stderr"), batch("x", text)])
    bundle = log_bundle(block, "")
    check_markup(bundle["text/html"])
    assert not set(bundle["text/plain"]) & set("\x00\x07\x1b\x9b\u202e\t\r\x08")


def test_a_token_is_masked_and_a_progress_bar_is_its_last_drawing() -> None:
    block = LogBlock("op1", 9)
    block.add([batch("10%\r50%\r\x1b[32m100%\x1b[0m\r\nAuthorization: Bearer " + "abc" * 9 + "\n")])
    assert block.texts() == ["100%", "Authorization: Bearer (token)"]


def test_ten_megabytes_are_one_short_line() -> None:
    block = LogBlock("op1", 200)
    for _ in range(160):
        block.add([batch("<" * 65_536)])
    bundle = log_bundle(block, "")
    assert len(bundle["text/html"].encode()) <= MAX_BYTES
    assert "…" in html.unescape(bundle["text/html"])
    assert "earlier lines not shown" in bundle["text/plain"]


def test_what_is_not_printed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    log = PlainLog("op1", 200, live=True)
    log.add([numbered(0, 10_000)])
    log.tick()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "9,800 lines not shown (%op logs op1 --to FILE has all)"
    assert printed[1:] == [str(number) for number in range(9_800, 10_000)]
    log.tick()
    log.add([numbered(10_000, 10_002)])
    log.tick()
    log.finish("the end")
    assert capsys.readouterr().out.splitlines() == ["10000", "10001", "the end"]


def test_a_long_log_is_not_printed_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    log = PlainLog("op1", 200, live=True)
    for number in range(1_000):
        log.add([numbered(number * 100, number * 100 + 100)])
        log.tick()
    log.finish("")
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) < 10_500
    assert printed[-1] == "99999"
    assert any("lines not shown" in line for line in printed)
