"""Jobs whose program failed: every way to wait takes them for failures, whatever their service calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.model.errors import OperationCancelled, OperationFailed, OperationsFailed, ProgramFailed
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.waiting import FIRST, FIRST_FAILURE
from tests.support.following import client_of
from tests.support.messages import job_response
from tests.support.scripted import ScriptedServer, Stage

ENDS: dict[str, dict[str, Any]] = {
    "good": {"response": job_response(0)},
    "lossy": {"response": job_response(0, a="not found")},
    "exited": {"response": job_response(1)},
    "killed": {"response": job_response(137), "description": "train"},
    "refused": {"error": (8, "no quota")},
    "cancelled": {"error": (1, "by user")},
}
KINDS = {"refused": OperationFailed, "cancelled": OperationCancelled, "exited": ProgramFailed, "killed": ProgramFailed}
OUT_OF_MEMORY = "its program returned 137: killed (SIGKILL), mostly because it ran out of memory"


@pytest.fixture
def client() -> Iterator[OperationClient]:
    """A client of a service where operations end as their id says; others run."""
    stage = Stage()
    for name, how in ENDS.items():
        stage.set(name, done=True, **how)
    with ScriptedServer(stage) as server, client_of(server) as made:
        yield made


WAYS = pytest.mark.parametrize(
    "wait",
    [
        lambda client, name: client.wait(name),
        lambda client, name: asyncio.run(client.wait_async(name)),
        lambda client, name: client.wait_all([name, name])[0],
        lambda client, name: client.watch(name).wait()[0],
        lambda client, name: client.get(name).result() and client.get(name),
    ],
    ids=["wait", "wait_async", "wait_all", "watch", "result"],
)


@WAYS
@pytest.mark.parametrize("name", ENDS)
def test_every_way_to_wait(wait: Callable[[OperationClient, str], Any], client: OperationClient, name: str) -> None:
    if name not in KINDS:
        found = wait(client, name)
        assert (found.status, found.response) == (Status.SUCCEEDED, ENDS[name]["response"])
        assert found.warnings == (("a (not found)",) if name == "lossy" else ())
        return
    with pytest.raises(OperationFailed) as caught:
        wait(client, name)
    assert type(caught.value) is KINDS[name]
    assert caught.value.operation == client.get(name)


def test_the_error_of_a_killed_program(client: OperationClient) -> None:
    with pytest.raises(ProgramFailed) as caught:
        client.wait("killed")
    error = caught.value
    assert str(error) == f"Operation killed (train) failed.\n{OUT_OF_MEMORY}\nIts log: %op logs killed --stderr"
    assert (error.return_code, error.status.message) == (137, OUT_OF_MEMORY)
    assert error.operation.response == ENDS["killed"]["response"]
    assert error.operation.error is None


def test_several(client: OperationClient) -> None:
    with pytest.raises(OperationsFailed) as caught:
        client.wait_all(list(ENDS))
    error = caught.value
    assert {name: type(found) for name, found in error.errors.items()} == KINDS
    assert [found.id for found in error.operations.succeeded] == ["good", "lossy"]
    assert [found.id for found in error.operations.failed] == ["exited", "killed", "refused", "cancelled"]
    assert error.args[0] == "4 of 6 operations failed."
    assert error.args[1].startswith(f"exited: its program returned 1; killed: {OUT_OF_MEMORY}; refused: ")


def test_a_program_that_failed_is_the_first_failure_and_an_end(client: OperationClient) -> None:
    with pytest.raises(OperationsFailed) as caught:
        client.wait_all(["runs", "killed", "good"], 10, FIRST_FAILURE)
    assert list(caught.value.errors) == ["killed"]
    assert [found and found.status for found in client.wait_all(["runs", "exited"], 10, FIRST)][1] is Status.FAILED


def test_a_watch_ends_with_it(client: OperationClient) -> None:
    with client.watch("killed", "good") as watch:
        assert watch.wait_until(lambda: watch.done, 10)
        first, second = watch.view().entries
    assert (type(first.failure), second.failure) == (ProgramFailed, None)
