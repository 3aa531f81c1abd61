"""This project in one process with the vendor's packages: their objects are connected by, and waited for."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ops_magic import Job
from tests.clients.conftest import Cloud, Start
from tests.clients.environments import Environment, Program
from tests.clients.outcomes import job_of
from tests.clients.test_ai_studio import SERVICES, key

pytestmark = pytest.mark.timeout(300)  # an environment may have to be waited for


@pytest.fixture(scope="module")
def beside_datasphere(start: Start, environments: dict[str, Environment]) -> Program:
    environments["datasphere"].python()  # its packages are there
    return start("here", "beside_datasphere_program.py")


@pytest.fixture(scope="module")
def beside_ai_studio(start: Start) -> Program:
    return start("ai_studio", "beside_ai_studio_program.py")


def test_connected_by_datasphere(cloud: Cloud, beside_datasphere: Program) -> None:
    address, identity = beside_datasphere.call("connected")
    assert address == cloud.service.address
    assert identity == "the account of the given datasphere SDK"


def test_objects_of_datasphere(cloud: Cloud, beside_datasphere: Program) -> None:
    found: dict[str, Any] = beside_datasphere.call("targets", job=job_of(cloud.service.simulate(1, return_code=137)))
    job, operation = found["forked"]
    assert found["ended"] == [operation, 137]
    assert found["message"] == operation
    assert found["job"] == found["found"] == Job(job).key


def test_an_error_of_datasphere(cloud: Cloud, beside_datasphere: Program) -> None:
    failing = cloud.service.simulate(0, outcome="failure")
    assert beside_datasphere.call("error_of", job=job_of(failing)) == [failing.id, "RESOURCE_EXHAUSTED"]


@pytest.mark.parametrize("wait", ["wait", "wait_async"])
@pytest.mark.parametrize("service", SERVICES)
def test_operations_of_ai_studio(wait: str, service: str, cloud: Cloud, beside_ai_studio: Program) -> None:
    operation = cloud.service.simulate(0.5).id
    found = beside_ai_studio.call(wait, operation_id=operation, service=SERVICES[service])
    assert found[:2] == [key(service, operation), "succeeded"]
    assert "AIStudio" in found[2]


def test_a_tuning_task_of_ai_studio(cloud: Cloud, beside_ai_studio: Program) -> None:
    operation = cloud.service.simulate(0.5).id
    assert beside_ai_studio.call("tuning", operation_id=operation) == [
        key("ai-foundation-models", operation),
        "succeeded",
    ]
