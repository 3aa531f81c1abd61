"""What a panel shows of many operations, and its foot."""

from __future__ import annotations

from ds_ops_magic.display.panel import live_panel, snapshot_panel, static_panel
from ds_ops_magic.display.render import text
from ds_ops_magic.model.view import Health
from tests.support.panels import NOW, StubWatch, panel, snapshot


def test_the_counts():
    shown = panel(snapshot("a"), snapshot("b"), snapshot("c", done=True), snapshot("d", done=True, code=8))
    assert shown.counts == "2 running · 1 failed · 1 succeeded"
    assert (shown.total, shown.running, shown.fraction) == (4, 2, 0.5)


def test_a_selection_of_many():
    many = [snapshot(f"run{number}", age=number) for number in range(100)]
    many += [snapshot(f"ok{number}", done=True) for number in range(50)]
    many += [snapshot(f"bad{number}", done=True, code=8, age=200 - number, took=1) for number in range(10)]
    many += [snapshot("failing", code=13)]
    shown = panel(*many)
    ids = [row.id for row in shown.rows]
    assert shown.rest == f"and {161 - len(ids)} more"
    assert len(ids) <= 20
    assert ids[0] == "bad9"  # the one that failed last
    assert "failing" in ids
    assert "run99" in ids
    assert not any(name.startswith("ok") for name in ids)


def test_up_to_the_limit_all_have_a_row():
    shown = panel(*(snapshot(f"op{number}") for number in range(20)))
    assert [row.id for row in shown.rows] == [f"op{number}" for number in range(20)]
    assert shown.rest == ""


def test_the_hint_in_the_foot():
    hint = "To cancel: %op cancel {operation_id}"
    assert panel(snapshot("a", done=True), snapshot("b"), hint=hint).foot == "To cancel: %op cancel b"
    assert panel(snapshot("a"), snapshot("b"), hint=hint).foot == "To cancel: %op cancel ID"
    assert panel(snapshot("a", done=True), hint=hint).foot == ""
    assert panel(snapshot("a")).foot == ""
    assert panel(snapshot("a"), stopped=True).foot == "stopped waiting; to go on: %op wait a"


def test_an_outage_in_the_foot():
    shown = panel(snapshot("a"), health=Health(last_answer=NOW, silent_for=40.9))
    assert shown.foot_is_warning
    assert shown.foot.startswith("no answer for 40 s, still trying; the operation itself goes on · last answer ")
    assert not panel(snapshot("a"), health=Health(last_answer=NOW, silent_for=0.5)).foot_is_warning


def test_the_time_left_at_the_rate_so_far():
    many = [snapshot(f"op{number}") for number in range(1000)]
    assert panel(*many).rest == "and 990 more"
    assert panel(*many, throughput=0.5).rest == "and 990 more · about 33 min 20 s left at this rate"


def test_snapshots_outside_of_a_watch():
    assert snapshot_panel([snapshot("a")]).foot == ""
    assert snapshot_panel([snapshot("a"), None]).foot == "1 never seen"
    assert text(snapshot_panel([None, None])) == "0 operations\n2 never seen"


def test_fractions_are_monotonic_within_a_watch():
    watch = StubWatch()

    def fractions(percent, of=live_panel, watch=watch):
        watch.operations = [snapshot("op1", percent=percent), snapshot("op2", percent=10)]
        return [row.fraction for row in of(watch).rows]

    assert fractions(None) == [None, 0.1]
    assert fractions(0) == [0.0, 0.1]
    assert fractions(60) == [0.6, 0.1]
    assert fractions(20) == [0.6, 0.1]
    assert fractions(None) == [0.6, 0.1]  # the service says nothing of it any more
    assert fractions(20, static_panel) == [0.6, 0.1]
    assert fractions(61) == [0.61, 0.1]
    assert fractions(20, watch=StubWatch()) == [0.2, 0.1]
