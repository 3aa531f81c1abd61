"""What a panel shows of many operations, and its foot."""

from __future__ import annotations

from yandex.cloud.ai.tuning.v1.tuning_service_pb2 import TuningMetadata

from ds_ops_magic.display.panel import live_panel, panel_of, snapshot_panel
from ds_ops_magic.display.render import text
from ds_ops_magic.model.view import Entry, Health, View
from tests.support.following import client_of, until
from tests.support.panels import NOW, panel, snapshot
from tests.support.scripted import ScriptedServer, message


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
    health = Health(last_answer=NOW, silent_for=40.9, last_status="UNAVAILABLE: gone")
    shown = panel(snapshot("a"), health=health)
    assert shown.foot_is_warning
    assert shown.foot.startswith("no answer for 40 s, still trying; the operation itself goes on · last answer ")


def test_a_single_lost_call_is_not_mentioned():
    assert not panel(snapshot("a"), health=Health(last_answer=NOW, silent_for=0.5)).foot_is_warning


def test_the_time_left_at_the_rate_so_far():
    entries = tuple(Entry(f"op{number}", snapshot(f"op{number}")) for number in range(1000))

    def rest(pace: float) -> str:
        return panel_of(View(entries, Health(), pace=pace), NOW).rest

    assert rest(0.0) == "and 990 more"
    assert rest(0.5) == "and 990 more · about 33 min 20 s left at this rate"


def test_snapshots_outside_of_a_watch():
    assert snapshot_panel([snapshot("a")]).foot == ""
    assert snapshot_panel([snapshot("a"), None]).foot == "1 never seen"
    assert text(snapshot_panel([None, None])) == "0 operations\n2 never seen"


def test_fractions_are_monotonic_within_a_watch():
    steps = {"op1": 0, "op2": 10}

    def get(call):
        made = message(call.id, description=f"at {steps[call.id]}")
        if steps[call.id] >= 0:
            made.metadata.Pack(TuningMetadata(current_step=steps[call.id], total_steps=100))
        return made

    with ScriptedServer(get) as server, client_of(server) as client:
        watch = client.watch("op1", "op2")

        def fractions(step, watch=watch):
            steps["op1"] = step
            until(lambda: watch.operations[0] and watch.operations[0].description == f"at {step}")
            return [row.fraction for row in live_panel(watch).rows]

        until(lambda: all(watch.operations))
        assert fractions(0) == [0.0, 0.1]
        assert fractions(60) == [0.6, 0.1]
        assert fractions(20) == [0.6, 0.1]
        assert fractions(-1) == [0.6, 0.1]  # the service says nothing of it any more
        assert fractions(61) == [0.61, 0.1]
        assert fractions(250) == [1.0, 0.1]
        steps["op1"] = 20
        assert fractions(20, client.watch("op1")) == [0.2]
