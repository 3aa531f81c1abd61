"""The table of %op list, as text and as HTML."""

from __future__ import annotations

from ds_ops_magic.display import table
from ds_ops_magic.display.table import Listing
from ds_ops_magic.history.record import Record
from tests.support.markup import check_markup

NOW = 1_772_625_600.0  # 2026-03-04 12:00 UTC
KIND = "yandex.cloud.datasphere.v2.CreateProjectMetadata"
RUNNING = Record("host:1", "op1", NOW, NOW, "running", False, "", KIND, "Train", NOW - 130, NOW - 10)
OLD = Record("host:1", "op2", NOW - 7200, NOW - 7200, "running", False, "", KIND, "", NOW - 7320, NOW - 7300)
FAILED = Record("host:2", "op3", NOW, NOW, "failed", True, "INTERNAL", "", "", NOW - 3600, NOW - 1800)
BORN = Record("", "op4", NOW - 60.0)


def listed(*records: Record, by_endpoint: bool = False) -> Listing:
    return Listing(records, ["That is all."], NOW, by_endpoint=by_endpoint)


def test_text() -> None:
    assert (
        table.text(listed(RUNNING, OLD, FAILED, BORN))
        == """\
● running  Train · op1 · 2 min 10 s
    created 2026-03-04 11:57:50 UTC, kind yandex.cloud.datasphere.v2.CreateProjectMetadata
● running  Create project · op2 · 2 min 00 s · when last seen, 2 h 00 min ago
    created 2026-03-04 09:58:00 UTC, kind yandex.cloud.datasphere.v2.CreateProjectMetadata
✕ failed  op3 · after 30 min 00 s
    created 2026-03-04 11:00:00 UTC, ended 2026-03-04 11:30:00 UTC, error INTERNAL
? asked about  op4 · 1 min 00 s ago, and never seen since
That is all."""
    )
    assert table.text(listed()) == "That is all."


def test_a_clock_that_was_ahead() -> None:
    """Neither "-100 d ago" nor a running time of 100 days, and not as if it was the state of now."""
    ahead = NOW + 8_640_000.0
    seen = Record("host:1", "op1", ahead, ahead, "running", False, "", "", "", NOW - 60.0, NOW - 30.0)
    never_seen = Record("host:1", "op2", ahead)
    skewed = Record("host:1", "op3", NOW + 2.0, NOW + 2.0, "running", False, "", "", "", NOW - 60.0, NOW - 30.0)
    text = table.text(listed(seen, never_seen, skewed))
    assert [line for line in text.splitlines() if line.startswith(("●", "?"))] == [
        "● running  op1 · when last seen, by a clock that was ahead",
        "? asked about  op2 · by a clock that was ahead, and never seen since",
        "● running  op3 · 1 min 02 s",
    ]
    assert "ahead" in table.html(listed(seen))


def test_by_endpoint() -> None:
    text = table.text(listed(RUNNING, FAILED, BORN, by_endpoint=True))
    assert [part.partition(" at ")[2] for part in text.splitlines()[1::2]] == ["host:1", "host:2", "Yandex Cloud"]


def test_html() -> None:
    written = table.html(listed(RUNNING, FAILED))
    assert written.count("<tr>") == 3
    assert "<table>" not in table.html(listed())
    for part in ("running", "Train", "<code>op1</code>", "2 min 10 s", "INTERNAL", "That is all."):
        assert part in written


def test_hostile_text() -> None:
    nasty = "<script>alert(1)</script>\x1b[31m\u202e$x$\n"
    record = Record(nasty, nasty[:40], NOW, NOW, nasty, False, nasty, nasty, nasty, 1.0, None)
    listing = Listing([record], [nasty], NOW, by_endpoint=True)
    check_markup(table.html(listing))
    assert "$x$" not in table.html(listing)
    for text in (table.html(listing), table.text(listing)):
        assert not set(text) & {"\x1b", "\u202e"}


def test_times_out_of_range() -> None:
    record = Record("host:1", "op1", NOW, NOW, "succeeded", True, "", KIND, "", -1e15, 253_402_300_800.0)
    text = table.text(listed(record))
    assert "1-01-01 00:00:00 UTC, ended 9999-12-31 23:59:59 UTC" in text


def test_a_sequence_of_records() -> None:
    assert list(listed(RUNNING, OLD)) == [RUNNING, OLD]
    assert repr(listed(RUNNING)) == "<Listing of 1 operation>"
