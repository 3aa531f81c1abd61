"""Words for quantities, and text from elsewhere made safe to show."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest

from ds_ops_magic.util.text import counted, duration, length_range, masked, one_line, printable, tidy

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
# Each of these looks like what is left when it is taken out.
UNSEEN = ["\u200c", "\u200d", "\xad", "\u2061", "\u2064", "\u206a", "\u206f", "\U000e0041", "\U000e007f", "\u034f"]
FILLERS = ["\u115f", "\u1160", "\u3164", "\uffa0", "\u2800"]
HARMLESS = [
    "обучение модели",
    "训练 模型",
    "naïve café",
    "<b>&amp;</b>",
    "50 % — “quoted”",
    "👩\u200d💻 запуск",
    "👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈 ⚠\ufe0f 1\ufe0f\u20e3",
    unicodedata.normalize("NFD", "Tiếng Việt: huấn luyện mô hình"),
    "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",  # with vowels and accents
    "การฝึกโมเดลที่นี่",
    "मॉडल का प्रशिक्षण, क\u094d\u200dष and क\u094d\u200cष",
    "ශ\u0dca\u200dරී ලංකා",
    "می\u200cخواهم",
    "تَدْرِيبُ النَّمُوذَجِ",
]


def is_safe(text: str) -> bool:
    """Tell whether a terminal would only draw the text; spelled out apart from the pattern under test."""
    return all(c.isprintable() for c in text)


def ranges(*bounds: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in bounds for code in range(first, last + 1))


# Of DerivedCoreProperties.txt and PropList.txt of Unicode 16, which unicodedata does not have.
DEFAULT_IGNORABLE = ranges(
    *((code, code) for code in (0xAD, 0x34F, 0x61C, 0x3164, 0xFEFF, 0xFFA0)),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xFE00, 0xFE0F),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
PREPENDED_CONCATENATION_MARK = ranges(
    (0x600, 0x605),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    *[(c, c) for c in (0x110BD, 0x110CD)],
)


def is_drawn(character: str) -> bool:
    """Tell whether a character between two letters shows, as itself or as space, and leaves them where they are."""
    if character in DEFAULT_IGNORABLE or character in "\u2800\U0001d159":  # the two are blank, and called symbols
        return False
    if unicodedata.category(character) == "Cf":
        return character in PREPENDED_CONCATENATION_MARK
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


def test_all_characters() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        # Egyptian format characters: Unicode gave them out one by one, and here they are refused together.
        drawn = is_drawn(character) and not 0x13430 <= code <= 0x1343F
        given, kept = f"a{character}b", f"a{character if drawn else '�'}b"
        folds = character in " \t\r\n"
        assert one_line(given) == tidy(given) == ("a b" if folds else kept), hex(code)
        assert printable(given) == (given if character in "\t\n" else kept), hex(code)


@pytest.mark.parametrize("unseen", [*UNSEEN, *FILLERS])
def test_names_that_seem_alike_are_told_apart(unseen: str) -> None:
    for shown in (tidy, one_line, printable):
        assert shown(f"op{unseen}1") == shown(f"op{unseen * 100}1") == "op\ufffd1"
        assert shown(f"{unseen}op1") == "\ufffdop1"


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d", "\ufe0f", "\ufe0f\u200d"])
@pytest.mark.parametrize("around", ["ab", "пя", "12", "א1", "अआ", "اب", "👩b", "a👩", "\u094da"])
def test_a_joiner_stays_only_where_it_is_written(joiner: str, around: str) -> None:
    kept = around == "👩b" and joiner == "\ufe0f"
    assert tidy(joiner.join(around)) == (joiner if kept else "\ufffd").join(around)


@pytest.mark.parametrize("mark", ["\u0301", "\u0489", "\u20dd", "\u0e49", "\U0001e94a"])
def test_marks_are_not_piled_up(mark: str) -> None:
    for shown in (one_line, tidy, printable):
        for base in "aя訓👩�":
            assert shown(base + mark * 200 + "b" + mark) == base + mark * 5 + "\ufffdb" + mark
            assert shown((base + mark * 5) * 5) == (base + mark * 5) * 5
    assert one_line(mark * 200) == mark * 5 + "\ufffd"


def test_marks_of_many_kinds_are_not_piled_up() -> None:
    zalgo = "".join(letter + "\u0316\u0489\u0353\u030d\u030e" * 9 for letter in "Zalgo")
    assert one_line(zalgo) == "".join(letter + "\u0316\u0489\u0353\u030d\u030e\ufffd" for letter in "Zalgo")
    hidden = "a" + ("\u0301" * 5 + "\u034f") * 9  # each is followed by one that is not drawn
    assert one_line(hidden) == "a" + ("\u0301" * 5 + "\ufffd") * 9


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    assert is_safe(one_line(text))
    assert is_safe(printable(text).replace("\n", "").replace("\t", ""))


@pytest.mark.parametrize("text", HARMLESS)
def test_writing_is_left_alone(text: str) -> None:
    assert one_line(text) == tidy(text) == printable(text) == text


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
    assert one_line(text, 8) == line


@pytest.mark.parametrize(
    "secret",
    [
        "t1.9euelZqMyJ_6.x-Yz==",
        "y0_AgAAAABox0RxAATuwQAAAAEW",
        "AQAAAAAABox0RxAATuwQAAAAEWPLPRAAD3Qlb",
        "AQVN0a1b2c3d4e5f6g7h8i9j0-_k1l2m3n4o5p6q",  # an API key
        "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJhamUifQ.c2lnbmF0dXJl",
    ],
)
def test_tokens_are_masked_in_text_and_kept_in_names(secret: str) -> None:
    assert masked(f"bad token\n{secret}, sorry") == "bad token\n(token), sorry"
    assert one_line(f"bad token\n{secret}, sorry") == "bad token (token), sorry"
    assert one_line(f"bad token {secret}", 20) == "bad token (token)"  # masked before it is cut
    assert printable(f"bad token\n{secret}") == "bad token\n(token)"
    assert tidy(f" a\n{secret}\x1b") == f"a {secret}\ufffd"


def test_masking_is_cheap() -> None:
    worst = "eyJ-" * 1_000
    start = time.perf_counter()
    for _ in range(100):
        one_line(worst)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x1b" * 10_000_000, " " * 10_000_000 + "x", "a " * 5_000_000])
def test_ten_megabytes_are_cut_quickly(text: str) -> None:
    start = time.perf_counter()
    line = one_line(text)
    assert time.perf_counter() - start < 0.5
    assert 0 < len(line) <= 256


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
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0 s"), (0.9, "0 s"), (3.99, "3 s"), (9.99, "9 s"), (59.9, "59 s"), (60, "1 min 00 s")]
)
def test_ticking_duration(seconds: float, words: str) -> None:
    assert duration(seconds, ticking=True) == words


def test_counted() -> None:
    assert [counted(number) for number in (0, 1, 2)] == ["0 operations", "1 operation", "2 operations"]
    assert (counted(1, "run"), counted(10_000, "run")) == ("1 run", "10,000 runs")


@pytest.mark.parametrize(
    ("shortest", "longest", "words"),
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
def test_length_range(shortest: float, longest: float, words: str) -> None:
    assert length_range(shortest, longest) == words
