"""ApiEndpointService: every service is here, and no token is needed to learn that."""

from __future__ import annotations

import grpc
import pytest
import yandexcloud
from yandex.cloud.endpoint.api_endpoint_service_pb2 import GetApiEndpointRequest, ListApiEndpointsRequest
from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import ApiEndpointServiceStub
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from ds_ops_magic.local import LocalService
from ds_ops_magic.local.endpoint_service import ENDPOINT_IDS
from tests.support.certificates import Authority
from tests.support.local_service import DEADLINE, status_of

NEEDED = {"operation", "datasphere", "ai-foundation-models", "iam", "endpoint"}


@pytest.fixture(params=[None, "127.0.0.1:0"], ids=["unix socket", "port"])
def found(request):
    """A service, and the stub of its endpoints."""
    with (
        LocalService(listen=request.param, token="t0ken") as service,
        grpc.insecure_channel(service.address) as channel,
    ):
        yield service, ApiEndpointServiceStub(channel)


def listed(stub, **request):
    return stub.List(ListApiEndpointsRequest(**request), timeout=DEADLINE)


def test_addresses(found):
    service, stub = found
    everything = {endpoint.id: endpoint.address for endpoint in listed(stub).endpoints}
    assert everything == dict.fromkeys(NEEDED, service.address)
    for endpoint_id in NEEDED:
        endpoint = stub.Get(GetApiEndpointRequest(api_endpoint_id=endpoint_id), timeout=DEADLINE)
        assert (endpoint.id, endpoint.address) == (endpoint_id, service.address)
    for unknown in ("", "compute", "x" * 1000):
        request = GetApiEndpointRequest(api_endpoint_id=unknown)
        assert status_of(stub.Get, request, timeout=DEADLINE)[0] is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_pages(channel, size):
    stub = ApiEndpointServiceStub(channel)
    ids, token = [], ""
    while not ids or token:
        page = listed(stub, page_size=size, page_token=token)
        assert 1 <= len(page.endpoints) <= size
        ids += [endpoint.id for endpoint in page.endpoints]
        token = page.next_page_token
    assert ids == sorted(ENDPOINT_IDS)
    for wrong in ({"page_size": -1}, {"page_token": "x"}):
        assert status_of(listed, stub, **wrong)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_the_sdk_finds_the_service(tmp_path):
    # Over TLS, and as it is: it asks for the address at the endpoint, and for the operation there.
    authority = Authority(tmp_path)
    certificate, key = authority.files(tmp_path, "127.0.0.1")
    with LocalService(listen="127.0.0.1:0", token="t0ken", tls_cert=certificate, tls_key=key) as service:
        sdk = yandexcloud.SDK(iam_token="t0ken", endpoint=service.address, root_certificates=authority.certificate)
        operation = service.simulate(0)
        stub = sdk.client(OperationServiceStub)
        assert stub.Get(GetOperationRequest(operation_id=operation.id)).done
