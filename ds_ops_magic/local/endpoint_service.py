"""ApiEndpointService: where clients find the services, all of which are here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yandex.cloud.endpoint import api_endpoint_service_pb2
from yandex.cloud.endpoint.api_endpoint_pb2 import ApiEndpoint
from yandex.cloud.endpoint.api_endpoint_service_pb2 import (
    GetApiEndpointRequest,
    ListApiEndpointsRequest,
    ListApiEndpointsResponse,
)

from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from ds_ops_magic.local.handlers import Calls, Handler

ENDPOINT_SERVICE = api_endpoint_service_pb2.DESCRIPTOR.services_by_name["ApiEndpointService"].full_name
ENDPOINT_IDS = ("ai-foundation-models", "datasphere", "endpoint", "iam", "operation")
"""What clients look up here; ``iam`` too, which nothing answers: some look it up whatever their credentials are."""


def endpoint_handlers(calls: Calls, address: str) -> dict[str, Handler]:
    endpoints = {endpoint_id: ApiEndpoint(id=endpoint_id, address=address) for endpoint_id in ENDPOINT_IDS}

    def get(request: GetApiEndpointRequest) -> ApiEndpoint:
        if request.api_endpoint_id not in endpoints:
            raise StatusError("NOT_FOUND", f"Endpoint {tidy(request.api_endpoint_id)} not found")
        return endpoints[request.api_endpoint_id]

    def list_(request: ListApiEndpointsRequest) -> ListApiEndpointsResponse:
        # The token of a page is the id that it begins after.
        after, size = request.page_token, request.page_size or len(ENDPOINT_IDS)
        if size < 0 or (after and after not in endpoints):
            raise StatusError("INVALID_ARGUMENT", "A page has a size from 0 on, and a token that List returned")
        remaining = [endpoint for endpoint in endpoints.values() if endpoint.id > after]
        page, more = remaining[:size], remaining[size:]
        return ListApiEndpointsResponse(endpoints=page, next_page_token=page[-1].id if more else "")

    return {
        "Get": calls.unary(get, GetApiEndpointRequest),
        "List": calls.unary(list_, ListApiEndpointsRequest),
    }
