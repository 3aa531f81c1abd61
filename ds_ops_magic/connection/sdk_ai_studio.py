"""Connections by an ``AIStudio`` or ``AsyncAIStudio`` object of yandex-ai-studio-sdk.

What is taken of it has no public name. Its client is asynchronous and belongs to a loop of the SDK's or of the user's:
so a copy of it, with locks and channels of its own, is asked for the credentials, on a loop that lasts as long as that.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection import sdk_objects
from ds_ops_magic.connection.addresses import channel_options, is_address, is_on_this_host, normalized
from ds_ops_magic.connection.connection import read_certificates
from ds_ops_magic.connection.credentials import Source
from ds_ops_magic.connection.sdk_objects import DISCOVERY_TIMEOUT, is_of, no_token, token_of, unusable
from ds_ops_magic.connection.tokens import NoToken, Token
from ds_ops_magic.connection.yandex_api import Cloud, DiscoveryFailed, NoSuchService
from ds_ops_magic.model.errors import NotConnected, OperationsError
from ds_ops_magic.util.text import duration, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc

    from ds_ops_magic.connection.connection import Connection

SOURCE = "the given AIStudio SDK"

_LAST_EVENTS = 0.05  # seconds: see the channel of the poller
_SECRETS = ("_api_key", "_oauth_token", "_token")  # of its auth classes
_NAMES = (
    "_auth",
    "_endpoint",
    "_service_map_override",
    "_verify",
    "_auth_provider",
    "_get_auth_provider",
    "_new_channel",
)


def is_ai_studio(value: object) -> bool:
    return is_of(value, "yandex_ai_studio_sdk", "BaseSDK")


def connect(sdk: Any) -> Connection:
    """Connect by an SDK object, with its endpoints, certificates and credentials.

    Raises:
        NotConnected: It is of another version, asks for plaintext to another host, does not say where the operation
            service is, or has no credentials.
        OperationsError: No thread can be started.
    """
    try:
        client = sdk._client
        for name in _NAMES:
            getattr(client, name)
    except AttributeError as error:
        raise unusable("AIStudio SDK", error.name, "yandex-ai-studio-sdk 0.22") from None
    services = _Services(client)
    return sdk_objects.connect(services, _Auth(client, services))


class _Services(Cloud):
    """Where an SDK's services are: as its service map says, else endpoint discovery, which is asked when needed."""

    name = SOURCE

    def __init__(self, client: Any) -> None:
        endpoint, verify = client._endpoint, client._verify
        self._named = {
            str(service): normalized(str(address)) for service, address in client._service_map_override.items()
        }
        self._plaintext = verify is False
        roots = None if isinstance(verify, bool) else read_certificates(verify)
        super().__init__(endpoint if endpoint and not is_address(endpoint) else "localhost", roots)
        self._discovers = bool(endpoint)  # without one the SDK asks no discovery either
        self.discovery = normalized(endpoint or "")

    def address(self, service: str, timeout: float) -> str:
        address = self._named.get(service)
        if address is None and not self._discovers:
            raise NoSuchService("it has no endpoint, and its service map does not have that service")
        if address is None:
            address = self._discovered(service, timeout)
        if not is_address(address):
            raise NoSuchService(
                f"its service map has {tidy(address, 60)!r} for it, and an address is wanted: host:port"
            )
        self.check_plaintext(address)
        return address

    def open_channel(self, address: str, options: Sequence[tuple[str, Any]]) -> grpc.aio.Channel:
        import grpc

        if not self._plaintext:
            return super().open_channel(address, options)
        self.check_plaintext(address)
        return grpc.aio.insecure_channel(address, options=(*options, *channel_options(address)))

    def _channel(self, address: str) -> grpc.Channel:
        import grpc

        if not self._plaintext:
            return super()._channel(address)
        self.check_plaintext(address)
        return grpc.insecure_channel(address, options=channel_options(address))

    def _discovered(self, service: str, timeout: float) -> str:
        if self._answer is None and not self._endpoints:
            self.check_plaintext(self.discovery)
            self.discover(DISCOVERY_TIMEOUT)
            timeout = max(timeout, DISCOVERY_TIMEOUT)
        try:
            return super().address(service, timeout)
        except NoSuchService:
            raise
        except DiscoveryFailed:
            self._answer = None  # to be asked again
            raise

    def check_plaintext(self, address: str) -> None:
        if self._plaintext and not is_on_this_host(address):
            raise NotConnected(
                f"With verify=False {SOURCE} speaks plaintext to {tidy(address, 100)}: anyone on the way could read "
                "the token. Plaintext is spoken on this host alone, to loopback and unix sockets.",
                "Make the SDK with verify=True, or with the path of the certificates to trust.",
            )


class _Auth(Source):
    """The credentials of an SDK, by whichever of its auth classes it has, or finds in the environment."""

    name = SOURCE
    identity = f"the account of {SOURCE}"

    def __init__(self, client: Any, services: _Services) -> None:
        self._client = client
        self._services = services
        self._provider: Any = None
        self._has_given = False

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        try:
            header = asyncio.run(self._header(timeout))
        except (asyncio.TimeoutError, TimeoutError):
            raise NoToken(f"no answer within {duration(timeout)}", retryable=True) from None
        except OperationsError as error:
            raise NoToken(str(error.args[0]).rstrip(".")) from None
        except Exception as error:  # of its auth class
            kept = vars(self._provider) if hasattr(self._provider, "__dict__") else {}
            raise no_token(error, self._client._auth, *map(kept.get, _SECRETS)) from None
        token = Token("") if header is None else token_of(*header)  # its NoAuth sends none
        self._has_given = True
        return token

    async def _header(self, timeout: float) -> tuple[object, object] | None:
        client = _copied(self._client, self._services)
        try:
            header = await asyncio.wait_for(self._ask(client, timeout), timeout)
            return (header[0], header[1]) if header else None
        finally:
            channels = list(client._channels.values())
            for channel in channels:
                await channel.close(None)
            if channels:
                await asyncio.sleep(_LAST_EVENTS)

    async def _ask(self, client: Any, timeout: float) -> Any:
        # What the SDK itself uses by now comes first: who we are is to be the same there and here.
        self._provider = self._client._auth_provider or self._provider or await client._get_auth_provider()
        provider = self._provider
        if self._has_given and hasattr(provider, "_issue_time"):  # it would give the same token for an hour
            provider = copy.copy(provider)
            provider._issue_time = None
        return await provider.get_auth_metadata(client=client, timeout=timeout, lock=asyncio.Lock())


def _copied(client: Any, services: _Services) -> Any:
    """Copy a client of the SDK for another event loop: with no lock and no channel of its own one."""
    copied = copy.copy(client)
    new_channel = copied._new_channel
    for name in ("_auth_lock", "_channels_lock"):
        if hasattr(client, name):
            setattr(copied, name, type(getattr(client, name))())
    for name in ("_channels", "_endpoints"):
        setattr(copied, name, {})
    if hasattr(client, "_service_map"):
        copied._service_map = dict(client._service_map)

    def checked_channel(endpoint: str) -> Any:
        services.check_plaintext(endpoint)
        return new_channel(endpoint)

    copied._new_channel = checked_channel
    return copied
