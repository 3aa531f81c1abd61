"""The requests to Yandex Cloud that connecting needs: endpoint discovery, an IAM token, a check of the token."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection.addresses import channel_options, check_host, is_address
from ds_ops_magic.connection.background import in_background
from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connection.tokens import API_KEY, NoToken, Token
from ds_ops_magic.model.grpc_codes import (
    OnGet,
    accepts_probe,
    code_of,
    error_for,
    is_wrong_certificate,
    meaning_of,
    unavailable,
    wrong_certificate,
)
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import grpc
    from yandex.cloud.endpoint.api_endpoint_service_pb2 import ListApiEndpointsResponse
    from yandex.cloud.iam.v1.iam_token_service_pb2 import CreateIamTokenRequest

    from ds_ops_magic.util.pending import Pending

DISCOVERY = "api.cloud.yandex.net:443"
IAM, DATASPHERE = "iam", "datasphere"  # ids in endpoint discovery

_log = logging.getLogger(__name__)


class DiscoveryFailed(Exception):
    """Endpoint discovery did not give the address of a service; internal, its message is safe to print."""


class NoSuchService(DiscoveryFailed):
    """Endpoint discovery has answered, and does not name the service."""


class Cloud(PickledByName):
    """One installation of Yandex Cloud, by the host of its endpoint discovery; over TLS only.

    Raises NotConnected where that is no host. The roots are PEM; gRPC's own when None.

    Attributes:
        name: What it is called in a sentence.
        discovery: That host.
    """

    name = "Yandex Cloud"

    def __init__(self, discovery: str, roots: bytes | None = None) -> None:
        self.discovery = check_host(discovery)
        self._roots = roots
        self._endpoints: Mapping[str, str] = {}
        self._answer: Pending[ListApiEndpointsResponse] | None = None

    @property
    def host(self) -> str:
        return self.discovery.rpartition(":")[0] if is_address(self.discovery) else self.discovery

    def credentials(self) -> grpc.ChannelCredentials:
        import grpc

        return grpc.ssl_channel_credentials(root_certificates=self._roots)

    def discover(self, timeout: float) -> None:
        """Request the addresses of the services, in the background: `address` waits for the answer."""
        from yandex.cloud.endpoint.api_endpoint_service_pb2 import ListApiEndpointsRequest
        from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import ApiEndpointServiceStub

        def ask() -> ListApiEndpointsResponse:
            with self._channel(self.discovery) as channel:
                answer: ListApiEndpointsResponse = ApiEndpointServiceStub(channel).List(request, timeout=timeout)
                return answer

        request = ListApiEndpointsRequest()
        self._answer = in_background(ask)

    def address(self, service: str, timeout: float) -> str:
        """Return the address of a service by its id in endpoint discovery; `discover` was called before.

        Raises:
            DiscoveryFailed: Discovery does not answer within the timeout, in seconds.
            NoSuchService: It has answered, and names no address of that service.
        """
        import grpc

        if not self._endpoints and self._answer is not None:
            try:
                answer = self._answer.result(timeout)
            except grpc.RpcError as error:
                raise DiscoveryFailed(_message(error, self.discovery)) from None
            except TimeoutError:
                raise DiscoveryFailed("no answer in time") from None
            self._endpoints = {endpoint.id: endpoint.address for endpoint in answer.endpoints}
            _log.debug("endpoint discovery at %s gave %d addresses", self.discovery, len(self._endpoints))
        address = self._endpoints.get(service, "")
        if not is_address(address):
            raise NoSuchService(f"it names no address of the service {one_line(service, 60)!r}")
        return address

    def open_channel(self, address: str, options: Sequence[tuple[str, Any]]) -> grpc.aio.Channel:
        """Open a channel to a service for the event loop that this is called on."""
        import grpc

        options = (*options, *channel_options(address))
        return grpc.aio.secure_channel(address, self.credentials(), options=options)

    def iam_token(self, request: CreateIamTokenRequest, timeout: float) -> Token:
        """Get an IAM token in exchange for an OAuth token or a signed JSON Web Token, within the timeout in seconds.

        Raises:
            NoToken: The token service refuses, or does not answer.
            DiscoveryFailed: The address of the token service is not known.
        """
        import grpc
        from yandex.cloud.iam.v1.iam_token_service_pb2_grpc import IamTokenServiceStub

        deadline = time.monotonic() + timeout
        address = self.address(IAM, timeout)
        with self._channel(address) as channel:
            try:
                answer = IamTokenServiceStub(channel).Create(request, timeout=max(0.1, deadline - time.monotonic()))
            except grpc.RpcError as error:
                message = _message(error, address, request.yandex_passport_oauth_token, request.jwt)
                retryable = meaning_of(_code(error)).get in (OnGet.RETRY, OnGet.BACK_OFF)
                raise NoToken(f"the token service (IAM) said {message}", retryable=retryable) from None
        lifetime = answer.expires_at.seconds - time.time() if answer.HasField("expires_at") else None
        return Token.checked(answer.iam_token, lifetime)

    def check(self, token: Token, timeout: float) -> bool:
        """Ask the operation service whether it accepts a token, within the timeout in seconds.

        Returns:
            Whether an operation service has accepted it. False where the answer does not tell.

        Raises:
            NoToken: It refuses the token; says why.
            DiscoveryFailed: The address of the operation service is not known.
            ServiceUnavailable: It does not answer.
        """
        import grpc
        from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
        from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

        deadline = time.monotonic() + timeout
        address = self.address(OPERATION, timeout)
        with self._channel(address) as channel:
            left = max(0.1, deadline - time.monotonic())
            try:
                # No operation has an empty id: a service that accepts the token can only refuse the request.
                OperationServiceStub(channel).Get(GetOperationRequest(), timeout=left, metadata=token.metadata)
            except grpc.RpcError as error:
                code, message = _code(error), _message(error, address, token.value)
                # What a service says that takes no API keys, or none with this key's scopes.
                if token.scheme == API_KEY and code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
                    raise NoToken(
                        f"{tidy(address, 100)} does not take this API key ({message}): "
                        "use YC_IAM_TOKEN, --sa-key or --profile"
                    ) from None
                if code == "UNAUTHENTICATED":
                    raise NoToken(f"refused: {message}") from None
                if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                    raise unavailable(_status(error, token.value), address) from None
                return accepts_probe(error_for(code, error.details() or "", ""))
        return False

    def _channel(self, address: str) -> grpc.Channel:
        import grpc

        return grpc.secure_channel(address, self.credentials(), options=channel_options(address))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_answer": None}


def _code(error: Any) -> str:
    return code_of(error.code().name, error.details() or "")


def _status(error: Any, *secrets: str) -> str:
    return ": ".join(filter(None, (_code(error), redacted(error.details() or "", *secrets))))


def _message(error: Any, address: str, *secrets: str) -> str:
    status = _status(error, *secrets)
    return wrong_certificate(address) if is_wrong_certificate(status) else one_line(status, 160)
