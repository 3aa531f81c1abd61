from __future__ import annotations

import pytest

from ds_ops_magic.display.panel import panel_of, row_of
from ds_ops_magic.model.estimates import Durations
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.view import Entry, Health, View
from tests.support.panels import NOW, panel, snapshot


@pytest.mark.parametrize(
    ("operation", "word", "tone", "note"),
    [
        (snapshot(), "running", "run", "2 min 10 s"),
        (snapshot(age=3.7), "running", "run", "3 s"),
        (snapshot(percent=40), "running", "run", "step 40 of 100 · 2 min 10 s · about 3 min 15 s left"),
        (snapshot(code=13, words="lost"), "failing", "warn", "error reported, still stopping"),
        (snapshot(code=1), "cancelling", "warn", "stopping"),
        (snapshot(done=True, took=3.21), "succeeded", "ok", "in 3.2 s"),
        (snapshot(done=True, code=8, took=12), "failed", "bad", "after 12 s"),
        (snapshot(done=True, code=1, took=260), "cancelled", "off", "after 4 min 20 s"),
    ],
)
def test_each_status_has_its_word_and_tone(operation, word, tone, note):
    row = row_of(Entry(operation.id, operation), NOW)
    assert (row.word, row.tone, row.note) == (word, tone, note)


def test_every_tone_comes_with_a_symbol_of_its_own():
    all_of_them = [
        snapshot(),
        snapshot(code=13),
        snapshot(done=True),
        snapshot(done=True, code=8),
        snapshot(done=True, code=1),
    ]
    rows = [row_of(Entry("op1", operation), NOW) for operation in all_of_them]
    assert len({row.symbol for row in rows}) == len({row.tone for row in rows}) == 5


def test_a_fraction_is_what_the_service_says_and_nothing_else():
    assert row_of(Entry("op1", snapshot(percent=40)), NOW).fraction == pytest.approx(0.4)
    assert row_of(Entry("op1", snapshot()), NOW).fraction is None


def test_the_facts_are_complete_and_say_utc():
    row = row_of(Entry("op1", snapshot(done=True, percent=100, created_by="ajetester")), NOW)
    assert dict(row.facts) == {
        "created": "2026-03-04 11:57:50 UTC",
        "ended": "2026-03-04 12:00:00 UTC",
        "by": "ajetester",
        "kind": "yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobMetadata",
    }
    assert row.result == {
        "@type": "yandex.cloud.datasphere.v2.Project",
        "id": "p1",
        "name": "nlp-demo",
        "community_id": "c1",
    }
    assert row.link == "https://datasphere.yandex.cloud/communities/c1/projects/p1"


def test_an_error_has_code_message_and_details():
    row = row_of(Entry("op1", snapshot(done=True, code=8, words="no room")), NOW)
    assert row.error == "RESOURCE_EXHAUSTED: no room"
    assert row.details == ("reason QUOTA",)


def test_an_entry_that_ended_with_an_error_of_its_own_is_unknown_not_failed():
    row = row_of(Entry("nope", error=error_for("NOT_FOUND", "no such thing", "nope")), NOW)
    assert (row.word, row.ended, row.cancellable) == ("unknown", True, False)
    assert "NOT_FOUND: no such thing" in row.error


def test_cancelling_shows_at_once_and_a_refusal_replaces_it():
    asked = row_of(Entry("op1", snapshot(), cancelling=True), NOW)
    assert (asked.word, asked.cancellable) == ("cancelling", False)
    no = error_for("UNIMPLEMENTED", "", "op1", "cancel")
    refusal = row_of(Entry("op1", snapshot(), cancel_error=no), NOW)
    assert (refusal.word, refusal.cancellable) == ("running", False)
    assert refusal.note.startswith("op1 cannot be cancelled")


def test_before_the_first_answer_a_row_is_asking():
    row = row_of(Entry("op1"), NOW)
    assert (row.word, row.title, row.note, row.fraction) == ("asking", "op1", "", None)


def test_counts_name_every_status_that_occurs():
    shown = panel(snapshot("a"), snapshot("b"), snapshot("c", done=True), snapshot("d", done=True, code=8))
    assert shown.counts == "2 running · 1 failed · 1 succeeded"
    assert (shown.total, shown.running, shown.fraction) == (4, 2, 0.5)


def test_many_are_folded_to_the_failing_the_failed_and_the_slowest():
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


def test_up_to_the_limit_all_are_shown_in_the_order_given():
    shown = panel(*(snapshot(f"op{number}") for number in range(20)))
    assert [row.id for row in shown.rows] == [f"op{number}" for number in range(20)]
    assert shown.rest == ""


def test_the_foot_says_how_to_cancel_by_id_when_one_is_left():
    hint = "To cancel: %op cancel {name}"
    assert panel(snapshot("a", done=True), snapshot("b"), hint=hint).foot == "To cancel: %op cancel b"
    assert panel(snapshot("a"), snapshot("b"), hint=hint).foot == "To cancel: %op cancel ID"
    assert panel(snapshot("a", done=True), hint=hint).foot == ""
    assert panel(snapshot("a")).foot == ""
    assert panel(snapshot("a"), stopped=True).foot == "stopped waiting; to go on: %op wait a"


def test_an_outage_shows_how_long_and_since_when():
    health = Health(last_answer=NOW, silent_for=40.9, last_status="UNAVAILABLE: gone")
    shown = panel(snapshot("a"), health=health)
    assert shown.troubled
    assert shown.foot.startswith("no answer for 40 s, still trying; the operation itself goes on · last answer ")


def test_a_single_lost_call_is_not_worth_a_word():
    assert not panel(snapshot("a"), health=Health(last_answer=NOW, silent_for=0.5)).troubled


def test_how_long_it_usually_takes_is_said_where_no_time_left_is_known() -> None:
    kind = snapshot(percent=0).kind
    durations = {kind: Durations((120.0, 180.0, 240.0, 300.0))}
    note = row_of(Entry("op1", snapshot(percent=0)), NOW, durations).note
    assert note == "step 0 of 100 · 2 min 10 s · usually 3-4 min (4 earlier runs)"
    assert "usually" not in row_of(Entry("op1", snapshot(percent=50)), NOW, durations).note
    assert "usually" not in row_of(Entry("op1", snapshot(percent=0)), NOW, {"other": durations[kind]}).note
    assert "usually" not in row_of(Entry("op1", snapshot(done=True)), NOW, {"": durations[kind]}).note


def test_how_long_the_rest_takes_is_said_once_there_is_a_rate_to_speak_of():
    entries = tuple(Entry(f"op{number}", snapshot(f"op{number}")) for number in range(1000))

    def rest(pace: float) -> str:
        return panel_of(View(entries, Health(), pace=pace), NOW).rest

    assert rest(0.0) == "and 990 more"
    assert rest(0.5) == "and 990 more · about 33 min 20 s left at this rate"
