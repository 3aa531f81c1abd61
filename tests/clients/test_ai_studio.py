"""Operations of `yandex-ai-studio-sdk` and our client: status, wait and cancel, at each service that it asks."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import pytest

from ds_ops_magic import Operation, OperationCancelled, OperationClient, OperationFailed, ProgramFailed, Status
from tests.clients.conftest import Cloud
from tests.clients.environments import ANSWER_TIMEOUT, Program
from tests.clients.outcomes import ENDS, WAIT, error_of, waited

pytestmark = pytest.mark.timeout(300)  # an environment may have to be waited for

SERVICES = {"operation": None, "ai-foundation-models": "ai-foundation-models"}
Case: TypeAlias = tuple[str, str, str]
ALL: list[Case] = list(itertools.product(ENDS, ("wait", "wait_async"), SERVICES))


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Where an operation is asked about, by its id in endpoint discovery."""
    return str(request.param)


def key(service: str, operation_id: str) -> str:
    return operation_id if service == "operation" else f"{service}:{operation_id}"


def as_theirs(ours: Operation | OperationFailed) -> dict[str, Any]:
    if isinstance(ours, OperationFailed) and not isinstance(ours, ProgramFailed):
        return error_of(ours)
    # It knows of no programs, and of a response only what it is.
    operation = ours.operation if isinstance(ours, ProgramFailed) else ours
    return {"response": operation.response.SerializeToString().hex()}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def ended(cloud: Cloud, ai_studio: Program, ours: OperationClient) -> dict[Case, Any]:
    """Have both wait for all of them while they run, at once: the id, what theirs said, and what ours did."""
    found = {}
    with ThreadPoolExecutor(len(ALL)) as pool:
        for name, wait, service in ALL:
            operation_id = cloud.service.simulate(1.0, **ENDS[name]).id
            theirs = ai_studio.ask(wait, operation_id=operation_id, service=SERVICES[service])
            found[name, wait, service] = operation_id, theirs, pool.submit(waited, ours, key(service, operation_id))
    return {
        each: (operation_id, theirs.result(ANSWER_TIMEOUT), mine.result())
        for each, (operation_id, theirs, mine) in found.items()
    }


@pytest.mark.parametrize(("name", "wait", "service"), ALL)
def test_waiting(name: str, wait: str, service: str, ended: dict[Case, Any], ai_studio: Program) -> None:
    operation_id, theirs, mine = ended[name, wait, service]
    assert theirs == as_theirs(mine)
    assert isinstance(mine, ProgramFailed) == ("return_code" in ENDS[name])
    found = ai_studio.call("status", operation_id=operation_id, service=SERVICES[service])
    failed = isinstance(mine, OperationFailed) and not isinstance(mine, ProgramFailed)
    assert found == {"running": False, "succeeded": not failed, "failed": failed}
    assert failed == ("outcome" in ENDS[name])


def test_cancel_by_theirs(service: str, cloud: Cloud, ai_studio: Program, ours: OperationClient) -> None:
    asked = {"operation_id": cloud.service.simulate(600).id, "service": SERVICES[service]}
    assert ai_studio.call("status", **asked) == {"running": True, "succeeded": False, "failed": False}
    theirs = ai_studio.ask("wait", **asked)
    with ThreadPoolExecutor(1) as pool:
        mine = pool.submit(waited, ours, key(service, asked["operation_id"]))
        ai_studio.call("cancel", **asked)
        error = mine.result(ANSWER_TIMEOUT)
    assert isinstance(error, OperationCancelled)
    assert theirs.result(ANSWER_TIMEOUT) == error_of(error)


def test_cancel_by_ours(service: str, cloud: Cloud, ai_studio: Program, ours: OperationClient) -> None:
    operation_id = cloud.service.simulate(600).id
    theirs = ai_studio.ask("wait", operation_id=operation_id, service=SERVICES[service])
    assert ours.cancel(key(service, operation_id)).status is Status.FAILING
    error = waited(ours, key(service, operation_id))
    assert isinstance(error, OperationCancelled)
    assert theirs.result(ANSWER_TIMEOUT) == error_of(error)


def test_tuning(cloud: Cloud, ai_studio: Program, ours: OperationClient) -> None:
    failing = cloud.service.simulate(0.5, outcome="failure").id
    theirs = ai_studio.ask("tuning_wait", operation_id=failing)
    error = waited(ours, key("ai-foundation-models", failing))
    assert isinstance(error, OperationFailed)
    assert theirs.result(ANSWER_TIMEOUT) == error_of(error)
    long = cloud.service.simulate(600).id
    assert ai_studio.call("tuning_status", operation_id=long)["running"]
    ai_studio.call("tuning_cancel", operation_id=long)
    with pytest.raises(OperationCancelled):
        ours.wait(key("ai-foundation-models", long), WAIT)
    assert ai_studio.call("tuning_status", operation_id=long)["failed"]
