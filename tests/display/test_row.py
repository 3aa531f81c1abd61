"""The texts of a row, and how its status looks."""

from __future__ import annotations

from typing import Any

import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import ExecutionStatus, ProjectExecutionResponse

from ds_ops_magic.display.row import Row
from ds_ops_magic.display.status_style import STATUS_STYLES
from ds_ops_magic.model.estimates import Durations
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.view import Entry
from ds_ops_magic.services.jobs import operation_of
from tests.support.messages import job_response
from tests.support.panels import panel, snapshot
from tests.support.project_jobs import executing, job


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
        (snapshot(done=True, took=12, response=job_response(1)), "failed", "✕", "bad", "after 12 s"),
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


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (snapshot(code=8, message="no quota"), "RESOURCE_EXHAUSTED: no quota"),  # not over yet
        (snapshot(done=True, code=8, message="no quota"), "RESOURCE_EXHAUSTED: no quota"),
        (snapshot(done=True, response=job_response(1)), "exit code 1"),
        (
            snapshot(done=True, response=job_response(137)),
            "exit code 137: killed (SIGKILL), mostly because it ran out of memory",
        ),
        (
            snapshot(done=True, response=ProjectExecutionResponse(execution_status=ExecutionStatus.ABORTED)),
            "ABORTED: the cell was aborted",
        ),
        (snapshot(done=True, response=job_response(0)), ""),
    ],
)
def test_what_went_wrong(operation: Operation, error: str) -> None:
    assert row_of(operation).error == error


def test_the_response_of_a_failed_program_is_shown() -> None:
    row = row_of(snapshot(done=True, response=job_response(137)))
    assert row.result["result"] == {"return_code": "137"}
    assert row.ended


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    ("lost", "warning"),
    [
        ({}, ""),
        ({"a": "not found"}, "1 output file was not kept: a (not found)"),
        ({"a": "not found", "b\n": "big"}, "2 output files were not kept: a (not found), b (big)"),
        (dict.fromkeys("abcde", "-"), "5 output files were not kept: a (-), b (-), c (-) and 2 more"),
    ],
)
def test_warnings(code: int, lost: dict[str, str], warning: str) -> None:
    assert row_of(snapshot(done=True, response=job_response(code, **lost))).warning == warning


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


def test_the_link_of_a_job() -> None:
    running = Operation(executing("op1", job("j1")))
    project = "https://datasphere.yandex.cloud/communities/c1/projects/project1"
    assert row_of(running).link is None
    assert row_of(running, project_links={"project1": ""}).link is None
    assert row_of(running, project_links={"project1": project}).link == f"{project}/job/j1"


def test_an_operation_that_turned_out_to_be_a_job() -> None:
    by_id = operation_of(job("j1", status_details="epoch 3"))
    assert row_of(Entry("j1", by_id)).note.endswith(" · a job, by its own id")
    assert row_of(Entry("j1", by_id)).note.startswith("epoch 3 · ")
    assert "by its own id" not in row_of(by_id).note
