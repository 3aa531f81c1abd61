"""Lines put together out of messages that were cut anywhere."""

from __future__ import annotations

import pytest

from ds_ops_magic.services.log_lines import LONGEST_LINE, MOST_SOURCES, LineAssembler
from tests.support.scripted_logs import cut, seeded


def assembled(pieces: list[tuple[str, bytes]]) -> dict[str, list[str]]:
    """Return the lines of each source; nothing is held back at the end."""
    assembler, found = LineAssembler(), {}
    batches = [batch for source, piece in pieces for batch in assembler.add(source, piece)]
    for batch in [*batches, *assembler.finish()]:
        found.setdefault(batch.source, []).extend(batch.texts())
    assert not list(assembler.finish())
    return found


@pytest.mark.parametrize("seed", range(8))
def test_where_it_is_cut_makes_no_difference(seed: int) -> None:
    chance = seeded(seed)
    words = ["", "x", "строка", "日本 😀", "50%\r100%", "\r", "y" * 300, "ы" * (LONGEST_LINE // 2), "z" * LONGEST_LINE]
    ends = [b"\n", b"\r\n"]
    logs = {
        source: b"".join(chance.choice(words).encode() + chance.choice(ends) + chance.randbytes(3) for _ in range(60))
        for source in ("stdout", "stderr", "a/b.log")
    }
    whole = assembled([(source, log) for source, log in logs.items() if log])
    pieces = {source: iter(cut(log, chance, chance.choice([20, 500, 100_000]))) for source, log in logs.items()}
    order = [source for source in logs for _ in range(len(logs[source]))]  # more than there are pieces
    chance.shuffle(order)
    mixed = [(source, piece) for source in order if (piece := next(pieces[source], None)) is not None]
    assert sum(len(piece) for _, piece in mixed) == sum(map(len, logs.values()))
    assert assembled(mixed) == whole


def test_an_unfinished_line_is_one_at_the_end() -> None:
    assert assembled([("stdout", b"one\ntw"), ("stderr", b"e"), ("stdout", b"o")]) == {
        "stdout": ["one", "two"],
        "stderr": ["e"],
    }
    assert assembled([("stdout", b"one\n"), ("stdout", b""), ("stdout", b"two\n")]) == {"stdout": ["one", "two"]}


@pytest.mark.parametrize("longest", [1000, 20_000_000])
def test_ten_megabytes_without_a_line_feed(longest: int) -> None:
    log = ("я" * 5_000_000).encode()
    pieces = cut(log, seeded(1), longest)
    assembler = LineAssembler()
    texts, most = [], 0
    for piece in pieces:
        for batch in assembler.add("stdout", piece):
            most = max(most, len(batch.data))
            texts += batch.texts() if longest == 1000 else []
    held = sum(map(len, assembler._unfinished.values()))
    assert most <= LONGEST_LINE
    assert held <= LONGEST_LINE
    if texts:
        texts += [text for batch in assembler.finish() for text in batch.texts()]
        assert "".join(texts) == log.decode()
        assert {len(text) for text in texts[:-1]} == {LONGEST_LINE // 2}


def test_no_more_sources_are_kept_than_there_is_room_for() -> None:
    found = assembled([(f"file{number}", b"unfinished") for number in range(3 * MOST_SOURCES)])
    assert len(found) == 3 * MOST_SOURCES
    assembler = LineAssembler()
    for number in range(3 * MOST_SOURCES):
        list(assembler.add(f"file{number}", b"unfinished"))
    assert len(assembler._unfinished) == MOST_SOURCES
