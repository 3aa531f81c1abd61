"""The client: what a service says arrives whole, one operation or a hundred."""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as StatusMessage
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.local import LocalService, server
from ds_ops_magic.local.repository import OperationRepository
from ds_ops_magic.model import errors
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.outcome import ErrorStatus, Status
from ds_ops_magic.polling.schedule import Schedule
from tests.support.following import client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, Stage, message, running_then

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def full(**fields: Any) -> OperationMessage:
    """Make a message with every field that is not the outcome; `fields` are the outcome."""
    made = OperationMessage(id="op1", description="create a project", created_by="user1", **fields)
    made.created_at.FromDatetime(START)
    made.modified_at.FromDatetime(START + timedelta(seconds=90))
    made.metadata.Pack(CreateProjectMetadata(project_id="p1"))
    return made


def with_response(**fields: Any) -> OperationMessage:
    made = full(**fields)
    made.response.Pack(Project(id="p1", name="mine"))
    return made


def with_error(code: int, **fields: Any) -> OperationMessage:
    made = full(error=StatusMessage(code=code, message="its words"), **fields)
    made.error.details.add().Pack(ErrorInfo(reason="QUOTA"))
    return made


STATES = [
    (full(), Status.RUNNING),
    (with_error(8), Status.FAILING),
    (with_response(done=True), Status.SUCCEEDED),
    (with_error(8, done=True), Status.FAILED),
    (with_error(1, done=True), Status.CANCELLED),
]


@pytest.mark.parametrize(("sent", "status"), STATES, ids=lambda value: getattr(value, "name", ""))
def test_all_nine_fields_in_all_five_states(sent: OperationMessage, status: Status) -> None:
    with ScriptedServer(lambda call: sent) as server, client_of(server) as client:
        found = client.get("op1")
        assert client.get_all(["op1"]) == [found]
        watch = client.watch("op1")
        until(lambda: watch.operations[0])
        assert watch.operations == [found]
    assert found.to_proto() == sent
    assert (found.id, found.description, found.created_by) == ("op1", "create a project", "user1")
    assert (found.created_at, found.modified_at) == (START, START + timedelta(seconds=90))
    assert found.metadata == CreateProjectMetadata(project_id="p1")
    assert (found.status, found.done) == (status, sent.done)
    assert found.response == (Project(id="p1", name="mine") if status is Status.SUCCEEDED else None)
    details = (ErrorInfo(reason="QUOTA"),)
    assert found.error == (ErrorStatus(sent.error.code, "its words", details) if sent.HasField("error") else None)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("success", None),
        ("failure", errors.OperationFailed),
        ("failing", errors.OperationFailed),
        ("cancelled", errors.OperationCancelled),
    ],
)
def test_the_course_of_an_operation_of_the_local_service(
    outcome: str, kind: type | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that each question moves on by 10 ms: none of its states is missed, however busy the machine is.
    clock = itertools.count(time.time_ns(), 10_000_000).__next__
    monkeypatch.setattr(server, "OperationRepository", functools.partial(OperationRepository, clock=clock))
    with LocalService() as service, client_of(service.address) as client:
        operation = service.simulate(duration=0.3, steps=3, outcome=outcome, description="train")
        watch = client.watch(operation)
        changes = list(watch)
        seen = [change.after.status for change in changes]
        assert seen[0] is Status.RUNNING
        assert changes[-1].after == service.get(operation.id)
        fractions = [change.after.progress.fraction or 0.0 for change in changes]
        assert fractions == sorted(fractions)
        if kind is None:
            assert watch.wait()[0].status is Status.SUCCEEDED
        else:
            assert Status.FAILING in seen or outcome != "failing"
            with pytest.raises(kind) as caught:
                client.wait(operation.id)
            assert caught.value.operation == changes[-1].after
            assert caught.value.status == changes[-1].after.error


def test_a_job_of_the_local_service_is_cancelled() -> None:
    begun = threading.Event()

    def job(reporter: Any) -> None:
        begun.set()
        until(lambda: reporter.cancelled)
        reporter.check()

    with LocalService() as service, client_of(service.address) as client:
        operation = service.submit(job)
        until(begun.is_set)
        assert client.cancel(operation).status in (Status.FAILING, Status.CANCELLED)
        with pytest.raises(errors.OperationCancelled) as caught:
            client.wait(operation, 5)
        assert caught.value.operation.status is Status.CANCELLED
        assert client.cancel(operation).status is Status.CANCELLED  # over already: no error


def test_an_operation_that_is_done_already_is_asked_about_once() -> None:
    with ScriptedServer(lambda call: message(call.id, done=True)) as server, client_of(server) as client:
        with lasting(0.0, 0.5):
            assert client.wait("a").done
            assert asyncio.run(client.wait_async("b")).done
        assert (server.gets("a"), server.gets("b")) == (1, 1)


ASKS: list[Callable[[OperationClient, str], object]] = [
    lambda client, name: client.get(name),
    lambda client, name: client.get_all(["good", name]),
    lambda client, name: client.cancel(name),
    lambda client, name: client.cancel_all(["good", name]),
    lambda client, name: client.wait(name),
    lambda client, name: client.wait(Operation(OperationMessage(id=name))),
    lambda client, name: client.wait_all(["good", name]),
    lambda client, name: client.watch("good", name),
    lambda client, name: asyncio.run(client.wait_async(name)),
    lambda client, name: asyncio.run(client.wait_all_async(["good", name])),
]


@pytest.mark.parametrize("name", ["", "x" * 51, "\udcff"])
def test_an_id_that_no_operation_has_is_refused_with_no_call_made(name: str) -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, client_of(server) as client:
        for ask in ASKS:
            if name == "\udcff" and ask is ASKS[5]:
                continue  # no message can hold it
            with pytest.raises(errors.InvalidOperationId):
                ask(client, name)
        assert not server.calls
        assert client.get("x" * 50).id == "x" * 50


def test_many_are_cancelled_at_once_and_no_faster_than_the_rate() -> None:
    stage = Stage()
    names = [f"o{number}" for number in range(60)]
    cancel: Callable[[Call], Any] = lambda call: message(call.id, error=(1, "by user"))  # noqa: E731
    with ScriptedServer(stage, cancel) as server, client_of(server, rate=60.0) as client:
        watch = client.watch("followed")
        with lasting(0.6, 5.0):
            assert {operation.status for operation in client.cancel_all(names)} == {Status.FAILING}
        assert server.cancels() == 60
        assert server.gets("followed") > 3  # which is not starved meanwhile
        watch.stop()


def test_a_get_comes_through_while_thousands_are_followed() -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, client_of(server) as client:
        watch = client.watch(*(f"o{number}" for number in range(3000)))
        until(lambda: server.gets() > 100)
        for _ in range(5):
            with lasting(0.0, 1.0):
                client.get("mine")
        watch.stop()


@pytest.mark.parametrize("rate", [0, -1.0, float("nan")])
def test_a_rate_of_nothing_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0 calls a second"):
        OperationClient(EndpointConnection("127.0.0.1:1"), rate=rate)


def test_the_schedule_is_the_clients() -> None:
    paced = Schedule(fraction=0.0, shortest=0.2, longest=0.2, jitter=0.0)
    answer = running_then(message(done=True), after=3)
    with ScriptedServer(answer) as server, client_of(server, schedule=paced) as client, lasting(0.6, 1.5):
        assert client.wait("a").done
    assert "OperationClient of 127.0.0.1" in repr(client)
