"""grpc.health.v1.Health, as any client of it asks: by its paths, and messages of one field each."""

from __future__ import annotations

import grpc
import pytest

from ds_ops_magic.local.datasphere_services import JOB_SERVICE, PROJECT_SERVICE
from ds_ops_magic.local.endpoint_service import ENDPOINT_SERVICE
from tests.support.local_service import DEADLINE, status_of

SERVING = b"\x08\x01"
SERVICE_UNKNOWN = b"\x08\x03"
SERVED = [
    "",
    "grpc.health.v1.Health",
    "yandex.cloud.operation.OperationService",
    JOB_SERVICE,
    PROJECT_SERVICE,
    ENDPOINT_SERVICE,
]


def request(name):
    return b"\x0a" + bytes([len(name)]) + name.encode() if name else b""


@pytest.mark.parametrize("name", SERVED)
def test_served(channel, name):
    assert channel.unary_unary("/grpc.health.v1.Health/Check")(request(name), timeout=DEADLINE) == SERVING
    watching = channel.unary_stream("/grpc.health.v1.Health/Watch")(request(name), timeout=DEADLINE)
    assert next(watching) == SERVING
    assert watching.is_active(), "it is open until it is cancelled"
    watching.cancel()


@pytest.mark.parametrize("name", ["x", "yandex.cloud.datasphere.v2.ProjectDataService", "\x1b[31m"])
def test_unknown(channel, name):
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    code, message = status_of(check, request(name), timeout=DEADLINE)
    assert code is grpc.StatusCode.NOT_FOUND
    assert "\x1b" not in message
    watching = channel.unary_stream("/grpc.health.v1.Health/Watch")(request(name), timeout=DEADLINE)
    assert next(watching) == SERVICE_UNKNOWN
    watching.cancel()


def test_other_methods(channel):
    ask = channel.unary_unary("/grpc.health.v1.Health/List")
    assert status_of(ask, b"", timeout=DEADLINE)[0] is grpc.StatusCode.UNIMPLEMENTED
