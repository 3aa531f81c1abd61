"""Cancelling what a Watch follows: some, all, what is not its own, and a refusal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ds_ops_magic.model import errors
from ds_ops_magic.model.outcome import Status
from tests.support.following import client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, Stage, message


def cancelling(stage: Stage) -> Any:
    """Cancel as the services do: failing at once, cancelled a little later."""

    def cancel(call: Call) -> Any:
        stage.set(call.id, done=True, error=(1, "by user"))
        return message(call.id, error=(1, "by user"))

    return cancel


def test_cancelling_some_and_then_the_rest() -> None:
    stage = Stage()
    with ScriptedServer(stage, cancelling(stage)) as server, client_of(server) as client:
        watch = client.watch("a", "b", "c")
        until(lambda: all(watch.operations))
        watch.cancel("a")
        assert [entry.cancelling for entry in watch.view().entries] == [True, False, False]
        stage.set("b", done=True)
        until(lambda: watch.view().entries[0].ended and watch.view().entries[1].ended)
        watch.cancel()  # what has ended is left alone
        with pytest.raises(errors.OperationsFailed) as caught:
            watch.wait(5)
        assert {name: type(error) for name, error in caught.value.errors.items()} == {
            "a": errors.OperationCancelled,
            "c": errors.OperationCancelled,
        }
        assert [operation.status.value for operation in watch.operations] == ["cancelled", "succeeded", "cancelled"]
        watch.cancel()
        watch.cancel("a")
        client.get("a")  # by now a third cancel would have been sent
        assert (server.cancels("a"), server.cancels("b"), server.cancels("c")) == (1, 0, 1)


def test_what_is_not_watched_cannot_be_cancelled_here() -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as client:
        watch = client.watch("a")
        with pytest.raises(errors.NotWatched, match="This watch does not follow other, b"):
            watch.cancel("a", "other", "b")
        with pytest.raises(KeyError):
            watch.cancel(message("b"))
        with pytest.raises(errors.NotAnOperation):
            watch.cancel(5)  # type: ignore[arg-type]  # what is shown to be refused
        assert not watch.view().entries[0].cancelling
        assert server.cancels() == 0


def test_what_to_cancel_may_be_given_as_anything() -> None:
    stage = Stage()
    with ScriptedServer(stage, cancelling(stage)) as server, client_of(server) as client:
        watch = client.watch(list("abcd"))
        until(lambda: all(watch.operations))
        watch.cancel([])  # none is not all
        assert not any(entry.cancelling for entry in watch.view().entries)
        watch.cancel(watch.operations[0], {"id": "b"}, [message("c")])
        assert [entry.id for entry in watch.view().entries if entry.cancelling] == list("abc")
        until(lambda: all(entry.ended for entry in watch.view().entries[:3]))
        assert (server.cancels(), server.cancels("d")) == (3, 0)


def test_cancel_returns_before_the_service_answers() -> None:
    with ScriptedServer(Stage(), Call.hang) as server, client_of(server) as client:
        watch = client.watch("a")
        with lasting(0.0, 0.2):
            watch.cancel()
        until(lambda: server.cancels("a"))


def test_a_refused_cancel_is_an_update_and_the_wait_goes_on() -> None:
    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client, ThreadPoolExecutor(1) as pool:
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        reading = pool.submit(list, watch)
        until(lambda: watch._subscribers.readers)
        watch.cancel("a")
        until(lambda: watch.view().entries[0].cancel_error)
        stage.set("a", done=True)
        assert watch.wait(5)[0].status is Status.SUCCEEDED
        updates = reading.result(5)
    [refusal] = [update for update in updates if update.cancel_error is not None]
    assert isinstance(refusal.cancel_error, errors.CancelNotSupported)
    assert (refusal.ended, refusal.error, refusal.before) == (False, None, refusal.after)
    assert updates[-1].ended
    entry = watch.view().entries[0]
    assert (entry.cancelling, entry.cancel_error, entry.failure) == (False, refusal.cancel_error, None)
