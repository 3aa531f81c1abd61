"""The texts of a row, and how its status looks."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ops_magic.display.row import Row
from ds_ops_magic.display.status_style import STATUS_STYLES
from ds_ops_magic.model.estimates import Durations
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.view import Entry
from tests.support.panels import panel, snapshot


def row_of(shown: Operation | Entry, **facts: Any) -> Row:
    [row] = panel(shown, **facts).rows
    return row


@pytest.mark.parametrize(
    ("operation", "status", "symbol", "color", "note"),
    [
        (snapshot(), "running", "●", "run", "2 min 10 s"),
        (snapshot(age=3.7), "running", "●", "run", "3 s"),
        (snapshot(percent=40), "running", "●", "run", "step 40 of 100 · 2 min 10 s · about 3 min 15 s left"),
        (snapshot(code=13, message="lost"), "failing", "▲", "warn", "error reported, still stopping"),
        (snapshot(code=1), "cancelling", "▲", "warn", "stopping"),
        (snapshot(done=True, took=3.21), "succeeded", "✓", "ok", "in 3.2 s"),
        (snapshot(done=True, code=8, took=12), "failed", "✕", "bad", "after 12 s"),
        (snapshot(done=True, code=1, took=260), "cancelled", "–", "off", "after 4 min 20 s"),
    ],
)
def test_the_statuses(operation, status, symbol, color, note):
    row = row_of(operation)
    assert (row.status, row.style.symbol, row.style.css_class, row.note) == (status, symbol, f"dsops-{color}", note)


def test_each_status_has_a_style_of_its_own():
    styles = [STATUS_STYLES[status.value] for status in Status]
    assert len({style.symbol for style in styles}) == len({style.css_class for style in styles}) == len(Status)


def test_the_facts():
    row = row_of(snapshot(done=True, percent=100, created_by="ajetester"))
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


def test_an_entry_with_an_error_is_unknown():
    row = row_of(Entry("nope", error=error_for("NOT_FOUND", "no such thing", "nope")))
    assert (row.status, row.ended, row.cancellable) == ("unknown", True, False)
    assert "NOT_FOUND: no such thing" in row.error


def test_a_cancel_and_its_refusal():
    asked = row_of(Entry("op1", snapshot(), cancelling=True))
    assert (asked.status, asked.cancellable) == ("cancelling", False)
    no = error_for("UNIMPLEMENTED", "", "op1", "cancel")
    refusal = row_of(Entry("op1", snapshot(), cancel_error=no))
    assert (refusal.status, refusal.cancellable) == ("running", False)
    assert refusal.note.startswith("op1 cannot be cancelled")


def test_before_the_first_answer():
    row = row_of(Entry("op1"))
    assert (row.status, row.title, row.note, row.fraction) == ("asking", "op1", "", None)


def test_the_usual_time() -> None:
    kind = snapshot(percent=0).kind
    durations = {kind: Durations((120.0, 180.0, 240.0, 300.0))}
    note = row_of(snapshot(percent=0), durations=durations).note
    assert note == "step 0 of 100 · 2 min 10 s · usually 3-4 min (4 earlier runs)"
    assert "usually" not in row_of(snapshot(percent=50), durations=durations).note
    assert "usually" not in row_of(snapshot(percent=0), durations={"other": durations[kind]}).note
    assert "usually" not in row_of(snapshot(done=True), durations={"": durations[kind]}).note
