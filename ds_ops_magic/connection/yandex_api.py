"""The services of Yandex Cloud that connecting needs: endpoint discovery, the token service, and one question."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection.addresses import channel_options, check_host, is_address
from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connection.time_limit import Beside
from ds_ops_magic.connection.tokens import NoToken, Token
from ds_ops_magic.model import grpc_codes
from ds_ops_magic.model.grpc_codes import OnGet, code_of, meaning_of
from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc
    from yandex.cloud.iam.v1.iam_token_service_pb2 import CreateIamTokenRequest

DISCOVERY = "api.cloud.yandex.net:443"
"""Where Yandex Cloud says at which addresses its services are."""
OPERATION = "operation"
IAM = "iam"


class DiscoveryFailed(Exception):
    """Endpoint discovery did not say where a service is; internal, its words are safe to print."""


class Cloud(PickledByName):
    """One installation of Yandex Cloud, over TLS only.

    Args:
        discovery: The host of its endpoint discovery, with a port or without.
        roots: The certificates to trust, PEM; gRPC's own when None.

    Raises:
        NotConnected: That is no host.
    """

    def __init__(self, discovery: str = DISCOVERY, roots: bytes | None = None) -> None:
        self.discovery = check_host(discovery)
        self._roots = roots
        self._endpoints: Mapping[str, str] = {}
        self._answer: Any = None

    @property
    def host(self) -> str:
        """The host of endpoint discovery, without a port."""
        return self.discovery.rpartition(":")[0] if is_address(self.discovery) else self.discovery

    def credentials(self) -> grpc.ChannelCredentials:
        """Return what a channel to one of its services is opened with."""
        import grpc

        return grpc.ssl_channel_credentials(root_certificates=self._roots)

    def discover(self, seconds: float) -> None:
        """Ask where the services are; returns at once, `address` has the answer.

        Raises:
            OperationsError: No thread can be started.
        """
        from yandex.cloud.endpoint.api_endpoint_service_pb2 import ListApiEndpointsRequest, ListApiEndpointsResponse
        from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import ApiEndpointServiceStub

        def ask() -> ListApiEndpointsResponse:
            with self._channel(self.discovery) as channel:
                answer: ListApiEndpointsResponse = ApiEndpointServiceStub(channel).List(request, timeout=seconds)
                return answer

        request = ListApiEndpointsRequest()
        self._answer = Beside(ask)

    def address(self, service: str, seconds: float) -> str:
        """Return the address of a service by its id in endpoint discovery.

        Raises:
            DiscoveryFailed: Discovery does not answer within so many seconds, or knows no such service.
        """
        import grpc

        if not self._endpoints:
            try:
                said = self._answer.result(seconds)
            except grpc.RpcError as error:
                raise DiscoveryFailed(_words(error, self.discovery)) from None
            except TimeoutError:
                raise DiscoveryFailed("no answer in time") from None
            self._endpoints = {endpoint.id: endpoint.address for endpoint in said.endpoints}
        found = self._endpoints.get(service, "")
        if not is_address(found):
            raise DiscoveryFailed(f"it names no address of the service {service!r}")
        return found

    def iam_token(self, request: CreateIamTokenRequest, seconds: float) -> Token:
        """Get an IAM token in exchange for an OAuth token or for a signed JSON Web Token.

        Raises:
            NoToken: The token service refuses, or does not answer.
            DiscoveryFailed: Nobody knows where the token service is.
        """
        import grpc
        from yandex.cloud.iam.v1.iam_token_service_pb2_grpc import IamTokenServiceStub

        deadline = time.monotonic() + seconds
        address = self.address(IAM, seconds)
        with self._channel(address) as channel:
            try:
                said = IamTokenServiceStub(channel).Create(request, timeout=max(0.1, deadline - time.monotonic()))
            except grpc.RpcError as error:
                words = _words(error, address, request.yandex_passport_oauth_token, request.jwt)
                retryable = meaning_of(_code(error)).get in (OnGet.RETRY, OnGet.BACK_OFF)
                raise NoToken(f"the token service (IAM) said {words}", retryable=retryable) from None
        left = said.expires_at.seconds - time.time() if said.HasField("expires_at") else None
        return Token.checked(said.iam_token, left)

    def check(self, token: Token, seconds: float) -> None:
        """Ask the operation service whether it accepts a token.

        Raises:
            NoToken: It does not; with its words.
            DiscoveryFailed: Nobody knows where the operation service is.
            ServiceUnavailable: It does not answer.
        """
        import grpc
        from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
        from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

        deadline = time.monotonic() + seconds
        address = self.address(OPERATION, seconds)
        with self._channel(address) as channel:
            left = max(0.1, deadline - time.monotonic())
            try:
                # No operation has an empty id: a service that accepts the token can only refuse the question.
                OperationServiceStub(channel).Get(GetOperationRequest(), timeout=left, metadata=token.metadata)
            except grpc.RpcError as error:
                if _code(error) == "UNAUTHENTICATED":
                    raise NoToken(f"refused: {_words(error, address, token.value)}") from None
                if _code(error) in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                    raise grpc_codes.unavailable(_said(error, token.value), address) from None

    def _channel(self, address: str) -> grpc.Channel:
        import grpc

        return grpc.secure_channel(address, self.credentials(), options=channel_options(address))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_answer": None}


def _code(error: Any) -> str:
    return code_of(error.code().name, error.details() or "")


def _said(error: Any, *secrets: str) -> str:
    return ": ".join(filter(None, (_code(error), redacted(error.details() or "", *secrets))))


def _words(error: Any, address: str, *secrets: str) -> str:
    said = _said(error, *secrets)
    return grpc_codes.wrong_certificate(address) if grpc_codes.is_wrong_certificate(said) else one_line(said, 160)
