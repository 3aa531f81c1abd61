"""Connections by a user's own ``yandexcloud.SDK``, with its endpoints, TLS roots and credentials."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

from ds_ops_magic.connection.addresses import channel_options
from ds_ops_magic.connection.background import in_background
from ds_ops_magic.connection.connection import Connection, Options, no_such_service
from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connection.tokens import Token, Tokens
from ds_ops_magic.connection.yandex_api import DATASPHERE, IAM
from ds_ops_magic.model.errors import NotConnected, OperationsError
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.util.text import duration, one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import grpc

DISCOVERY_TIMEOUT = 2.0
"""Seconds that endpoint discovery may take; the SDK itself would wait for ever."""
SOURCE = "the given SDK"

_log = logging.getLogger(__name__)


class _BySdk(Connection):
    identity = f"the account of {SOURCE}"
    source = SOURCE

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection by a yandexcloud.SDK holds its credentials, and is not pickled: connect again")


class SdkConnection(_BySdk):
    """A ``yandexcloud.SDK`` by its channel credentials, which have no public name.

    The SDK's interceptor is for its own calls, and does not see these. Raises AttributeError where it has no such
    credentials, and grpc.RpcError where its endpoint discovery fails or does not answer.
    """

    def __init__(self, sdk: Any) -> None:
        channels = sdk._channels
        self._endpoints = endpoints = _endpoints(channels)
        self._tokens = Tokens()
        self._credentials = _credentials(channels, endpoints[IAM], lambda token: self._tokens.use(Token(token)))
        self.endpoint = tidy(endpoints[OPERATION])

    def address_of(self, service: str) -> str:
        return tidy(self._address(service))

    def channel(self, options: Options, service: str = OPERATION) -> grpc.aio.Channel:
        import grpc

        address = self._address(service)
        options = (*options, *channel_options(address))
        return grpc.aio.secure_channel(address, self._credentials, options=options)

    def _address(self, service: str) -> str:
        if not (address := self._endpoints.get(service)):
            raise no_such_service(service, SOURCE)
        return address

    def redacted(self, message: str) -> str:
        return self._tokens.redacted(message)

    def without_secrets(self, answer: bytes, request: bytes) -> bytes:
        return self._tokens.without_secrets(answer, request)


class StubConnection(_BySdk):
    """A ``yandexcloud.SDK`` by its public `client`, whose stubs block: a few threads make the calls, and it is slower.

    Its tokens are not known: where a service repeats one, it is hidden only if it has a known format. Raises whatever
    `client` raises, and TimeoutError where its endpoint discovery does not answer.
    """

    def __init__(self, sdk: Any) -> None:
        from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

        self.endpoint = f"the operation service of {SOURCE}"
        pending = in_background(lambda: sdk.client(OperationServiceStub))
        if not pending.ended_within(DISCOVERY_TIMEOUT):
            raise TimeoutError(f"no answer within {duration(DISCOVERY_TIMEOUT)}")
        self._client, self._stub = sdk.client, pending.result()

    def address_of(self, service: str) -> str:
        if service == OPERATION:
            return self.endpoint
        if service == DATASPHERE:
            return f"the datasphere service of {SOURCE}"
        raise no_such_service(service, SOURCE)

    def channel(self, options: Options, service: str = OPERATION) -> Any:
        self.address_of(service)  # raises where it has none
        from ds_ops_magic.connection.sdk_stubs import StubChannel

        return StubChannel(self._client, self._stub)  # whose options are the SDK's own


def _endpoints(channels: Any) -> Mapping[str, str]:
    """Return the addresses of an SDK's services, by id. Where it has none yet, ask: it would wait without a limit."""
    import grpc
    from yandex.cloud.endpoint.api_endpoint_service_pb2 import ListApiEndpointsRequest
    from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import ApiEndpointServiceStub

    if channels._endpoints is not None:
        return dict(channels.endpoints)
    options = (*channels.channel_options, *channel_options(channels._endpoint))
    with grpc.secure_channel(channels._endpoint, channels._channel_creds, options=options) as channel:
        answer = ApiEndpointServiceStub(channel).List(ListApiEndpointsRequest(), timeout=DISCOVERY_TIMEOUT)
    _log.debug(
        "endpoint discovery at %s gave %d addresses", one_line(str(channels._endpoint), 100), len(answer.endpoints)
    )
    return {**{endpoint.id: endpoint.address for endpoint in answer.endpoints}, **channels._config_endpoints}


def _credentials(channels: Any, iam: str, on_token: Callable[[str], object]) -> grpc.ChannelCredentials:
    """Return the credentials of an SDK for channels to its services; its token service is at the address `iam`.

    `on_token` is called with each token that is sent, so that it can be hidden in answers; never where the SDK has no
    class of credentials that can be extended.
    """
    import grpc

    try:
        from yandexcloud._auth_plugin import Credentials

        class ObservedCredentials(Credentials):
            def _metadata(self) -> Any:
                on_token(self._cached_iam_token)
                return super()._metadata()

        plugin = ObservedCredentials(
            channels._token_requester, lambda: grpc.secure_channel(iam, made, options=channels.channel_options)
        )
        made: grpc.ChannelCredentials = grpc.composite_channel_credentials(
            channels._channel_creds, grpc.metadata_call_credentials(plugin)
        )
    except (ImportError, AttributeError):
        made = channels._get_creds(iam)
    return made


def connect(sdk: Any) -> Connection:
    """Connect by an SDK object: by its channel credentials, else by its public names.

    Raises:
        NotConnected: The SDK cannot say where the operation service is.
        OperationsError: No thread can be started, and this SDK needs one.
    """
    import grpc

    try:
        return _connect(sdk)
    except AttributeError as error:
        raise NotConnected(
            f"This yandexcloud.SDK cannot be used: it has no {one_line(str(error.name), 50)}.",
            "Install yandexcloud 0.382 or later, or name the endpoint: %op connect ENDPOINT",
        ) from None
    except OperationsError:
        raise
    except Exception as error:
        message = error.details() if isinstance(error, grpc.RpcError) else str(error)
        raise NotConnected(
            f"Yandex Cloud's endpoint discovery did not answer to {SOURCE}.",
            one_line(redacted(message or type(error).__name__)),
            "Check the network; without a cloud at hand: %op connect local",
        ) from None


def _connect(sdk: Any) -> Connection:
    try:
        return SdkConnection(sdk)
    except AttributeError as missing:
        try:
            return StubConnection(sdk)
        except (AttributeError, TypeError):
            raise missing from None
