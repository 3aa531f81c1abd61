"""What is shown of an operation has no token in it, wherever a service repeats one; ids, types and links stay whole."""

from __future__ import annotations

from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo, QuotaFailure
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.datasphere.v2.project_pb2 import Project

from ds_ops_magic.display import render, table
from ds_ops_magic.display.table import Listing
from ds_ops_magic.history.record import Record
from ds_ops_magic.model import group_errors, outcome_errors, wait_errors
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
from ds_ops_magic.model.view import Entry
from tests.support.messages import packed
from tests.support.panels import panel, snapshot

TOKENS = [
    "t1.9euelZqMyJ_6.x-Yz==",
    "y0_AgAAAABox0RxAATuwQAAAAEW",
    "AQAAAAAABox0RxAATuwQAAAAEWPLPRAAD3Qlb",
    "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJhamUifQ.c2lnbmF0dXJl",
]
# Each of these is like a token, and is none: a user copies it, or it says what is where.
LIKE_TOKENS = ["t1.of-a-job.7", "y0_job_number_7", "aq_" + "job-" * 9, "eyj-job.number.7"]


def operations_with(secret: str) -> list[Operation]:
    """Make operations that repeat a secret in every text of a service."""
    metadata = ExecuteProjectJobMetadata()
    metadata.progress.progress = 40
    metadata.progress.message = f"{secret} is used"
    metadata.job.id = secret
    text = f"bad token {secret}, sorry"
    common: dict[str, Any] = {"description": text, "created_by": secret, "metadata": packed(metadata)}
    failed = snapshot("a", done=True, code=8, message=text, **common).to_proto()
    failed.error.details.add().Pack(ErrorInfo(reason="R", metadata={"token": secret}))
    failed.error.details.add().Pack(QuotaFailure(violations=[QuotaFailure.Violation(description=text)]))
    return [
        Operation(failed),
        snapshot("b", **common),
        snapshot("c", code=8, message=text, **common),
        snapshot("d", done=True, name=text, **common),
    ]


def everything_about(operations: list[Operation], secret: str) -> str:
    several = panel(*operations)
    parts = [render.part(name, several) for name in ("head", "live", "ended", "foot")]
    lines = [render.line(panel(one)) for one in operations]
    error = outcome_errors.operation_failed(operations[0])
    group = group_errors.group_error({"a": error}, Operations(operations), 4)
    messages = [str(error), str(group), str(panel(Entry("a", None, error)).rows[0].error)]
    reprs = [f"{operation!r} {operation.title} {operation.progress.text}" for operation in operations]
    record = Record("host:1", "op1", 7.0, 7.0, "running", description=f"with {secret}")
    listing = Listing([record], [], 7.0, by_endpoint=True)
    written = [render.html(several), render.text(several), table.html(listing), table.text(listing)]
    return "\n".join([*written, *parts, *lines, *messages, *reprs])


@pytest.mark.parametrize("secret", TOKENS)
def test_tokens_of_a_service(secret: str) -> None:
    operations = operations_with(secret)
    text = everything_about(operations, secret)
    assert secret not in text
    assert "bad token (token), sorry" in text
    assert "(token) is used" in text
    assert text.count("with (token)") == 2  # in the table of the history
    assert operations[0].description == f"bad token {secret}, sorry"
    assert operations[0].error is not None
    assert secret in operations[0].error.message


@pytest.mark.parametrize("name", LIKE_TOKENS)
def test_ids_types_and_addresses_like_tokens(name: str) -> None:
    unknown = packed(ErrorInfo())
    unknown.type_url = f"type.googleapis.com/{name}"
    failed = snapshot(name, done=True, code=8, message="no", metadata=unknown).to_proto()
    failed.error.details.append(unknown)
    failed.error.details.append(unknown)
    running, odd = snapshot(name), snapshot(name, done=True).to_proto()
    odd.response.CopyFrom(unknown)
    shown = panel(Operation(failed), running, Operation(odd), hint="%op cancel {operation_id}")
    for written in (render.text(shown), render.text(panel(running, hint="%op cancel {operation_id}"))):
        assert "(token)" not in written
        assert name in written
    assert render.text(panel(Operation(odd))).count(name) == 2
    error = outcome_errors.operation_failed(Operation(failed))
    for said in (error, group_errors.group_error({name: error}, Operations(), 2), wait_errors.interrupted([name])):
        assert name in str(said)
        assert "(token)" not in str(said)
    assert repr(running) == f"Operation({name!r}, running)"
    assert "(token)" not in render.html(panel(running, Operation(odd)))
    record = Record(name, name, 7.0, 7.0, "running", False, "", name, "", None, None)
    assert table.text(Listing([record], [], 7.0, by_endpoint=True)).count(name) == 3


def test_links_like_tokens() -> None:
    community = "y0_" + "c" * 20
    made = snapshot("a", done=True).to_proto()
    made.response.Pack(Project(id="p1", community_id=community))
    for written in (render.html(panel(Operation(made))), render.text(panel(Operation(made)))):
        assert f"communities/{community}/projects/p1" in written
