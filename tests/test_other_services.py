"""Services that answer with less than they might: what is shown of them, and which are no OperationService."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timezone
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status as StatusMessage
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.display.panel import Panel, panel_of
from ds_ops_magic.display.render import html, text
from ds_ops_magic.model import errors
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.watch import Watch
from tests.support.following import client_of, until
from tests.support.scripted import Call, ScriptedServer, message

Code = grpc.StatusCode


def panel(watch: Watch) -> Panel:
    return panel_of(watch.view(), datetime.now(timezone.utc))


def test_a_service_that_does_not_cancel() -> None:
    done = [False]
    with ScriptedServer(lambda call: message(call.id, done=done[0])) as server, client_of(server) as client:
        client.check()
        with pytest.raises(errors.CancelNotSupported) as caught:
            client.cancel("op1")
        assert str(caught.value).splitlines()[0] == "op1 cannot be cancelled: its service does not support it."
        watch = client.watch("op1")
        until(lambda: watch.operations[0])
        watch.cancel("op1")
        until(lambda: watch.view().entries[0].cancel_error)
        (row,) = panel(watch).rows
        assert (row.status, row.cancellable, row.ended) == ("running", False, False)
        assert row.note.startswith("op1 cannot be cancelled: its service does not support it. · ")
        done[0] = True
        assert watch.wait(10)[0].status is Status.SUCCEEDED


def test_no_created_at_shows_how_long_it_was_watched() -> None:
    answer = [OperationMessage(id="op1")]
    with ScriptedServer(lambda call: answer[0]) as server, client_of(server) as client:
        watch = client.watch("op1")
        until(lambda: watch.operations[0])
        until(lambda: "watched for" in panel(watch).rows[0].note)
        assert text(panel(watch)).startswith("● running  op1 · watched for ")
        watch.cancel()  # which this service does not
        until(lambda: watch.view().entries[0].cancel_error)
        assert " · watched for " in panel(watch).rows[0].note
        answer[0] = OperationMessage(id="op1", done=True)
        (operation,) = watch.wait(10)
        assert (operation.elapsed, operation.created_at) == (None, None)
        assert text(panel(watch)) == "✓ succeeded  op1"
        assert "None" not in html(panel(watch))


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "✓ succeeded  op1"),
        ({"response": AnyMessage()}, "✓ succeeded  op1"),
        ({"error": StatusMessage()}, "✓ succeeded  op1"),
        ({"response": AnyMessage(type_url="x/vendor.v1.Thing", value=b"123")}, "✓ succeeded  op1"),
        ({"error": StatusMessage(message="it broke")}, "✕ failed  op1"),
    ],
)
def test_done_with_neither_result_is_success_or_a_failure(fields: dict[str, Any], shown: str) -> None:
    with (
        ScriptedServer(lambda call: OperationMessage(id=call.id, done=True, **fields)) as server,
        client_of(server) as client,
    ):
        watch = client.watch("op1")
        if "succeeded" in shown:
            assert watch.wait(10)[0].result() == watch.operations[0].response
        else:
            with pytest.raises(errors.OperationFailed, match="OK: it broke"):
                watch.wait(10)
        assert text(panel(watch)).splitlines()[0] == shown
        assert shown.split("  ")[0].replace(" ", "&nbsp;") in html(panel(watch))


def test_an_unknown_id_that_is_answered_with_unknown() -> None:
    def answer(call: Call) -> Any:  # as a handler that raises does
        return message(call.id, done=True) if call.id == "op1" else call.refuse(Code.UNKNOWN, "KeyError: 'x'")

    with ScriptedServer(answer) as server, client_of(server) as client:
        client.check()  # such a service can be connected to
        assert client.wait("op1", 10).done
        for ask in (client.get, client.wait):
            with pytest.raises(errors.ServiceRefused) as caught:
                ask("nope")
            said = str(caught.value).splitlines()
            assert said[:2] == ["nope: the service failed to answer.", "UNKNOWN: KeyError: 'x'"]
            assert said[2].startswith("Check the id. The operation itself may go on; try again: %op ")
        watch = client.watch("op1", "nope")
        with pytest.raises(errors.OperationsFailed):
            watch.wait(10)
        assert panel(watch).counts == "1 unknown · 1 succeeded"
        (_, row) = panel(watch).rows
        assert (row.status, row.error) == ("unknown", "nope: the service failed to answer. UNKNOWN: KeyError: 'x'")


@pytest.mark.parametrize(
    ("code", "text", "is_service"),
    [
        (Code.UNKNOWN, "its message", True),
        (Code.FAILED_PRECONDITION, "its message", True),
        (Code.OUT_OF_RANGE, "its message", True),
        (Code.UNIMPLEMENTED, "", False),
        (Code.DATA_LOSS, "broken", False),
        (Code.UNKNOWN, "Received http2 header with status: 405", False),
    ],
)
def test_which_refusals_are_those_of_a_service(code: grpc.StatusCode, text: str, is_service: bool) -> None:
    refusal = pytest.raises(errors.ServiceRefused, match="does not answer as an OperationService")
    outcome: Any = nullcontext() if is_service else refusal
    with ScriptedServer(lambda call: call.refuse(code, text)) as server, client_of(server) as client, outcome:
        client.check()
