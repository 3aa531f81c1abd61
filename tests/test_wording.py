"""Words for quantities, foreign text made safe for one line, and the one line that an operation makes of it."""

from __future__ import annotations

import time

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic import wording
from ds_ops_magic.operation import Operation
from ds_ops_magic.operations import Operations

HOSTILE = [
    "\x1b[31mred\x1b[0m",  # colour
    "\x1b]0;title\x07",  # the terminal's title
    "\x9b31mred",  # the one-byte form of ESC [
    "a\x00b",
    "a\x08\x08b",  # backspaces over what came before
    "a\rb",  # carriage return: the line is written over
    "a\nb\r\nc\x0bd\x0ce\x85f\u2028g\u2029h",
    "safe\u202etxt.exe",  # right-to-left override
    "\u2066a\u2069\u200f\u061c",
    "in\u200bvisi\u2060ble\ufeff",
    "\ufff9annotated\ufffb",
    "\x7f",
]
HARMLESS = ["обучение модели", "训练 模型", "👩\u200d💻 запуск", "naïve café", "<b>&amp;</b>", "50 % — “quoted”"]


def is_safe(text: str) -> bool:
    """Tell whether a terminal would only draw the text; spelled out apart from the pattern under test."""
    allowed = {"\u200d", "\u200c"}  # joiners belong to emoji and to several scripts
    return all(c.isprintable() or c in allowed for c in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_one_line_leaves_nothing_a_terminal_would_obey(text: str) -> None:
    assert is_safe(wording.one_line(text))


@pytest.mark.parametrize("number", [*range(0x20), *range(0x7F, 0xA0)])
def test_one_line_leaves_no_control_character(number: int) -> None:
    assert is_safe(wording.one_line(f"a{chr(number)}b"))


@pytest.mark.parametrize("text", HARMLESS)
def test_one_line_leaves_writing_alone(text: str) -> None:
    assert wording.one_line(text) == text


def test_one_line_can_be_written_to_any_stream() -> None:
    wording.one_line("file \udcff name").encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        (" \t\n ", ""),
        ("  a \n\n\t b  ", "a b"),
        ("abcdefgh", "abcdefgh"),
        ("abcdefghi", "abcdefg…"),
        ("abcdefg  ij", "abcdefg…"),  # no space is left hanging before the ellipsis
        ("abc" + " " * 1000, "abc"),  # nothing that shows was cut
        (" " * 1000 + "abc", "abc"),
    ],
)
def test_one_line_folds_and_cuts(text: str, line: str) -> None:
    assert wording.one_line(text, 8) == line


@pytest.mark.parametrize(
    "secret",
    [
        "t1.9euelZqMyJ_6.x-Yz==",
        "y0_AgAAAABox0RxAATuwQAAAAEW",
        "AQAAAAAABox0RxAATuwQAAAAEWPLPRAAD3Qlb",
        "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJhamUifQ.c2lnbmF0dXJl",
    ],
)
def test_what_looks_like_a_token_is_masked_in_foreign_words_and_kept_in_a_name(secret: str) -> None:
    assert wording.masked(f"bad token\n{secret}, sorry") == "bad token\n(token), sorry"
    assert wording.one_line(f"bad token\n{secret}, sorry") == "bad token (token), sorry"
    assert wording.one_line(f"bad token {secret}", 20) == "bad token (token)"  # masked before it is cut
    assert wording.printable(f"bad token\n{secret}") == "bad token\n(token)"
    assert wording.tidy(f" a\n{secret}\x1b") == f"a {secret}\ufffd"


def test_masking_is_cheap() -> None:
    worst = "eyJ-" * 1_000
    start = time.perf_counter()
    for _ in range(100):
        wording.one_line(worst)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x1b" * 10_000_000, " " * 10_000_000 + "x", "a " * 5_000_000])
def test_ten_megabytes_are_cut_quickly(text: str) -> None:
    start = time.perf_counter()
    line = wording.one_line(text)
    assert time.perf_counter() - start < 0.5
    assert 0 < len(line) <= 256


def test_printable_keeps_lines_and_indentation() -> None:
    assert wording.printable('File "x"\n\tdef f():\n') == 'File "x"\n\tdef f():\n'


@pytest.mark.parametrize("text", HOSTILE)
def test_printable_leaves_nothing_else_a_terminal_would_obey(text: str) -> None:
    assert is_safe(wording.printable(text).replace("\n", "").replace("\t", ""))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0.0 s"),
        (0, "0.0 s"),
        (float("nan"), "0.0 s"),
        (3.21, "3.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (41.4, "41 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (130, "2 min 10 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (3900, "1 h 05 min"),
        (47 * 3600, "47 h 00 min"),
        (48 * 3600, "2 d 0 h"),
        (400 * 86400 + 7200, "400 d 2 h"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0 s"), (0.9, "0 s"), (3.99, "3 s"), (9.99, "9 s"), (59.9, "59 s"), (60, "1 min 00 s")]
)
def test_a_ticking_duration_counts_full_seconds(seconds: float, words: str) -> None:
    assert wording.duration(seconds, ticking=True) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 operations"), (1, "1 operation"), (2, "2 operations"), (10_000, "10,000 operations")]
)
def test_counted(number: int, words: str) -> None:
    assert wording.counted(number) == words


def test_counted_takes_a_noun() -> None:
    assert (wording.counted(1, "run"), wording.counted(12, "run")) == ("1 run", "12 runs")


def of_type(type_url: str) -> AnyMessage:
    return AnyMessage(type_url=type_url)


PROJECT = "type.googleapis.com/yandex.cloud.datasphere.v2.CreateProjectMetadata"
EVIL, TAMED = "\x1b[2J\u202e\nevil\x00\u2028", "\ufffd[2J\ufffd evil\ufffd"


@pytest.mark.parametrize(
    ("message", "title"),
    [
        (OperationMessage(description=" train a model\n", metadata=of_type(PROJECT)), "train a model"),
        (OperationMessage(description="", metadata=of_type(PROJECT)), "Create project"),
        (OperationMessage(description=" \n\t\xa0 ", metadata=of_type(PROJECT)), "Create project"),
        (OperationMessage(id="op1", metadata=of_type("x/vendor.v1.ScanS3Bucket")), "Scan s3 bucket"),
        (OperationMessage(id="op1", metadata=of_type("x/vendor.v1.Metadata")), "op1"),
        (OperationMessage(id="op1", metadata=of_type("\x1b\u202e\n")), "op1"),
        (OperationMessage(id="op1"), "op1"),
        (OperationMessage(id=EVIL), TAMED),
        (OperationMessage(description=EVIL), TAMED),
        (OperationMessage(description="\x1b" * 3), "\ufffd" * 3),
        (OperationMessage(description="x" * 10_000_000), "x" * 255 + "…"),
        (OperationMessage(id="op1", description=" " * 10_000_000), "op1"),
        (OperationMessage(id="op1", metadata=of_type("x/" + "A" * 10_000_000)), "A" + "a" * 199),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_title(message: OperationMessage, title: str) -> None:
    start = time.perf_counter()
    assert Operation(message).title == title
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (OperationMessage(id="op1"), "Operation('op1', running)"),
        (OperationMessage(id="op1", description="train"), "Operation('op1', running, 'train')"),
        (OperationMessage(id="op1", metadata=of_type(PROJECT)), "Operation('op1', running, 'Create project')"),
        (OperationMessage(id="op1", error=Status(code=1)), "Operation('op1', cancelling)"),
        (OperationMessage(id=EVIL), f"Operation('{TAMED}', running)"),
    ],
)
def test_repr(message: OperationMessage, shown: str) -> None:
    assert repr(Operation(message)) == shown
    assert repr(Operations([Operation(message), None])) == f"Operations([{shown}, None])"


@pytest.mark.parametrize(
    ("shortest", "longest", "said"),
    [
        (120.0, 245.0, "2-4 min"),
        (118.0, 122.0, "about 2 min"),
        (0.0, 0.2, "about 1 s"),
        (5.0, 40.4, "5-40 s"),
        (50.0, 120.0, "50 s-2 min"),
        (150.0, 600.0, "2.5-10 min"),
        (3600.0, 7 * 3600.0, "60 min-7 h"),
        (86400.0, 3 * 86400.0, "24 h-3 d"),
    ],
)
def test_a_range_of_lengths(shortest: float, longest: float, said: str) -> None:
    assert wording.length_range(shortest, longest) == said
