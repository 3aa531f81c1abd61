"""Lines of a log: values that are cheap to make, decoded as they were written."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone

import pytest

from ds_ops_magic import LogLine
from ds_ops_magic.model.log_line import Batch, utc

AT = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)


def test_a_line() -> None:
    line = LogLine(("stdout", "epoch 1", AT))
    assert (line.source, line.text, line.created_at) == ("stdout", "epoch 1", AT)
    assert (str(line), f"{line}") == ("epoch 1", "epoch 1")
    assert repr(LogLine(("a", "\x1b[1m", None))) == r"LogLine(('a', '\x1b[1m', None))"
    with pytest.raises(AttributeError):
        line.text = "other"  # type: ignore[misc]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(line, protocol))  # noqa: S301  # our own
        assert type(again) is LogLine
        assert again == line


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\n\r\ntwo\n\n", ["one", "", "two", ""]),
        (b"10%\r50%\r100%\n", ["10%\r50%\r100%"]),
        (b"\xff\xfe\n\xd0\n\xd1\x8f\n", [r"\xff\xfe", r"\xd0", "я"]),
        (b"cut", ["cut"]),
        (b"\n", [""]),
    ],
)
def test_decoded(data: bytes, texts: list[str]) -> None:
    batch = Batch("stderr", data, AT)
    assert batch.texts() == texts
    assert batch.number == len(texts)
    assert [type(line) for line in batch.lines()] == [LogLine] * len(texts)
    assert list(batch.lines()) == [("stderr", text, AT) for text in texts]


@pytest.mark.parametrize("data", [b"a\nbb\n\nccc\n", b"a\nbb\n\nccc"])
def test_the_last(data: bytes) -> None:
    batch = Batch("stdout", data, None)
    for number in (1, 2, 3, 4, 5):
        assert batch.last(number).texts() == batch.texts()[-number:]


def test_times_of_no_calendar() -> None:
    assert utc(0, 0) is None
    assert utc(1 << 62, 0) is None
    assert utc(0, 1_000) == datetime(1970, 1, 1, 0, 0, 0, 1, timezone.utc)
