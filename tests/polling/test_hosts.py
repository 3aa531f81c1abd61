"""At which host an operation is asked about: one channel and one rate for each address, whatever the keys are."""

from __future__ import annotations

import threading
import time
from typing import Any

import grpc
import pytest

from ds_ops_magic import OperationsError, Status
from ds_ops_magic.client import OperationClient
from ds_ops_magic.polling.schedule import Schedule
from tests.support.cloud import Cloud
from tests.support.following import QUICK, until
from tests.support.scripted import Call, ScriptedServer, Stage, message, running_then

Code = grpc.StatusCode


def client_of_cloud(*, rate: float = 10_000.0, schedule: Schedule = QUICK, **servers: Any) -> OperationClient:
    connection = Cloud(**{name: server.address for name, server in servers.items()})
    return OperationClient(connection, schedule=schedule, rate=rate)


def not_found(call: Call) -> Any:
    return call.refuse(Code.NOT_FOUND, "no such operation")


def test_operations_of_two_hosts_in_one_wait() -> None:
    ended = running_then(message(done=True))
    with ScriptedServer(ended) as plain, ScriptedServer(ended) as models:
        with client_of_cloud(operation=plain, ai_foundation_models=models) as client:
            keys = ["a", "ai-foundation-models:a", "b", "ai-foundation-models:c"]
            assert [found.id for found in client.wait_all(keys, 10)] == keys
            assert client.get("ai-foundation-models:a").id == "ai-foundation-models:a"
            assert client.cancel("ai-foundation-models:a").done
        assert plain.gets("a") == models.gets("c") == 3
        assert (plain.gets("c"), models.gets("b")) == (0, 0)


def test_a_snapshot_is_asked_about_where_it_came_from() -> None:
    with (
        ScriptedServer(lambda call: message(call.id)) as plain,
        ScriptedServer(lambda call: message(call.id)) as models,
    ):
        with client_of_cloud(operation=plain, ai_foundation_models=models) as client:
            found = client.get("ai-foundation-models:a")
            assert client.get(found).id == found.id == "ai-foundation-models:a"
        assert (plain.gets(), models.gets()) == (0, 2)


def test_a_cancel_goes_to_the_host_of_its_operation() -> None:
    def cancel(call: Call) -> Any:
        return message(call.id, done=True, error=(1, "cancelled"))

    with ScriptedServer(not_found, cancel) as plain, ScriptedServer(Stage(), cancel) as models:
        with client_of_cloud(operation=plain, ai_foundation_models=models) as client:
            watch = client.watch("ai-foundation-models:a")
            until(lambda: watch.operations[0])
            watch.cancel()
            until(lambda: watch.done)
            assert client.cancel("ai-foundation-models:b").status is Status.CANCELLED
        assert (plain.cancels(), models.cancels("a"), models.cancels("b")) == (0, 1, 1)


def test_a_service_that_the_cloud_does_not_name_costs_the_others_nothing() -> None:
    with ScriptedServer(running_then(message(done=True))) as plain, client_of_cloud(operation=plain) as client:
        watch = client.watch("a", "no-such-service:b")
        until(lambda: watch.done)
        assert [entry.error and entry.error.args[0] for entry in watch.view().entries] == [
            None,
            "There is no service 'no-such-service'.",
        ]
        with pytest.raises(OperationsError, match="There is no service"):
            client.get("no-such-service:b")
        client.watch("no-such-service:c").cancel()


def test_services_at_one_address_share_its_channel_and_its_rate() -> None:
    """Two hosts may have 20 calls a second each, and one host has 20 in all."""
    always = Schedule(fraction=0.0, shortest=0.001, longest=0.001, jitter=0.0)
    with ScriptedServer(lambda call: message(call.id)) as one, ScriptedServer(lambda call: message(call.id)) as other:
        counts = []
        for models in (one, other):
            with client_of_cloud(rate=20.0, schedule=always, operation=one, ai_foundation_models=models) as client:
                before, began = one.gets() + other.gets(), time.monotonic()
                watch = client.watch("a", "ai-foundation-models:a")
                until(lambda before=before: one.gets() + other.gets() - before >= 30)
                counts.append(30 / (time.monotonic() - began))
                assert len(client._poller._poller._hosts.opened) == (1 if models is one else 2)
                watch.stop()
    assert counts[0] <= 30 < counts[1] <= 80


def test_one_host_that_is_silent_holds_up_no_other() -> None:
    with (
        ScriptedServer(running_then(message(done=True), after=20)) as plain,
        ScriptedServer(Call.hang) as models,
        client_of_cloud(operation=plain, ai_foundation_models=models) as client,
    ):
        watch = client.watch("a", "ai-foundation-models:b")
        until(lambda: watch.operations[0] and watch.operations[0].done)


def test_the_health_that_is_shown_is_that_of_the_silent_host() -> None:
    answering = threading.Event()
    answering.set()

    def get(call: Call) -> Any:
        return message(call.id) if answering.is_set() else call.refuse(Code.UNAVAILABLE, "models are away")

    with (
        ScriptedServer(lambda call: message(call.id)) as plain,
        ScriptedServer(get) as models,
        client_of_cloud(operation=plain, ai_foundation_models=models) as client,
    ):
        watch = client.watch("a", "ai-foundation-models:b")
        until(lambda: watch.all_seen)
        assert watch.view().health.silent_for is None
        answering.clear()
        status = until(lambda: watch.view().health.last_status)
        assert status == "UNAVAILABLE: models are away"
