"""Where the service is and who we are: an address and credentials to a gRPC channel."""

from __future__ import annotations

import ipaddress
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_ops_magic import wording
from ds_ops_magic.errors import AuthenticationError, NotConnected

if TYPE_CHECKING:
    import grpc

    from ds_ops_magic.local import LocalService

Options = Sequence[tuple[str, Any]]
DISCOVERY_TIMEOUT = 2.0
"""Seconds that endpoint discovery may take."""


class Connection:
    """An address and how to reach it. Opens channels; knows nothing of what is asked over them.

    Attributes:
        endpoint: The address, as shown to the user.
        identity: Who we are there, in words; never a token.
        source: Where the credentials came from, in words; empty where there are none.
    """

    endpoint: str
    identity: str
    source: str = ""

    def channel(self, options: Options) -> grpc.aio.Channel:
        """Open a channel. Called on the event loop that will use it."""
        raise NotImplementedError

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what to send along with each call."""
        return ()

    def refresh(self) -> None:
        """Get fresh credentials after the service refused the present ones. May block.

        Raises:
            AuthenticationError: There are none to be had.
        """

    def close(self) -> None:
        """Give back what the connection itself has opened."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.endpoint} as {self.identity}>"


class EndpointConnection(Connection):
    """A service at a known address: plaintext on this host, TLS anywhere else.

    Args:
        address: ``host:port`` or ``unix:/path``.
        token_env: Name of the environment variable that holds a bearer token; read again at each refresh.
        ca: Path of a PEM file with the certificates to trust, for TLS; it also asks for TLS on loopback.

    Raises:
        NotConnected: The variable is unset or holds no token, or the file cannot be read.
    """

    def __init__(self, address: str, *, token_env: str | None = None, ca: str | os.PathLike[str] | None = None) -> None:
        self.endpoint = address
        self.identity = f"the bearer of ${token_env}" if token_env else "nobody in particular"
        self.source = f"${token_env}" if token_env else ""
        self._token_env = token_env
        self._token: str | None = None
        self._roots = _read_certificates(ca) if ca is not None else None
        self._tls = self._roots is not None or not is_on_this_host(address)
        if token_env:
            self._token = _read_token(token_env)

    def channel(self, options: Options) -> grpc.aio.Channel:
        """Open a channel; plaintext only to loopback or a unix socket, where no one else listens in."""
        import grpc

        if is_on_this_host(self.endpoint):  # through a proxy it would not be this host
            options = (*options, ("grpc.enable_http_proxy", 0))
        if not self._tls:
            return grpc.aio.insecure_channel(self.endpoint, options=options)
        credentials = grpc.ssl_channel_credentials(root_certificates=self._roots)
        return grpc.aio.secure_channel(self.endpoint, credentials, options=options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the bearer token as call metadata, where there is one."""
        return (("authorization", f"Bearer {self._token}"),) if self._token else ()

    def refresh(self) -> None:
        """Read the token's environment variable again.

        Raises:
            AuthenticationError: The token is still the one that was refused, or there is none.
        """
        shown = wording.one_line(self.endpoint, 100)
        if self._token_env is None:
            hint = f"Put the token into an environment variable, then: %op connect {shown} --iam-token-env NAME"
            raise AuthenticationError(f"{shown} wants credentials, and none were given.", hint)
        try:
            fresh = _read_token(self._token_env)
        except NotConnected as error:
            raise AuthenticationError(f"{shown} refused the token it was given.", *map(str, error.args)) from None
        if fresh == self._token:
            raise AuthenticationError(
                f"{shown} refused the token in ${self._token_env}.",
                f"Put a valid one into ${self._token_env}; operations go on by themselves, so wait again afterwards.",
            )
        self._token = fresh

    def __getstate__(self) -> dict[str, Any]:
        # A token is never written anywhere; the first refusal has it read from its variable again.
        return {**vars(self), "_token": None}


_local_connections: weakref.WeakSet[LocalConnection] = weakref.WeakSet()


class LocalConnection(EndpointConnection):
    """The LocalService of this process, which is started when it does not run yet.

    Attributes:
        service: That service: ``submit`` and ``simulate`` make operations.
    """

    service: LocalService

    def __init__(self) -> None:
        from ds_ops_magic import local

        self.service = local.shared()
        super().__init__(self.service.address)
        self.identity = "the owner of this process"
        _local_connections.add(self)

    def close(self) -> None:
        """Stop the service, unless another connection uses it; its operations stay in its file."""
        from ds_ops_magic import local

        _local_connections.discard(self)
        if not _local_connections:
            local.close_shared()

    def __reduce__(self) -> tuple[type[LocalConnection], tuple[()]]:
        return LocalConnection, ()  # that of the process in which it is read


class SdkConnection(Connection):
    """A ``yandexcloud.SDK``: its endpoint discovery, its TLS roots and its credentials, refreshed by itself.

    Args:
        sdk: The SDK object.
        identity: Where its credentials come from, in words.

    Raises:
        NotConnected: The SDK cannot say where the operation service is.
    """

    def __init__(self, sdk: Any, identity: str = "the credentials of the given SDK") -> None:
        self.identity = self.source = identity
        try:
            # The SDK's public client() hands out blocking stubs; its channel and credentials have no public name.
            channels = sdk._channels
            endpoints = _within(DISCOVERY_TIMEOUT, lambda: dict(channels.endpoints))
            self._credentials = channels._get_creds(endpoints["iam"])
            self.endpoint = endpoints["operation"]
        except AttributeError as error:
            raise NotConnected(
                f"This yandexcloud.SDK cannot be used: it has no {wording.one_line(str(error.name), 50)}.",
                "Install yandexcloud 0.382 or later, or name the endpoint: %op connect ENDPOINT",
            ) from None
        except Exception as error:
            details = getattr(error, "details", None)  # what a grpc.RpcError has to say
            said = details() if callable(details) else str(error)
            raise NotConnected(
                f"Yandex Cloud's endpoint discovery did not answer with {identity}.",
                wording.one_line(said or type(error).__name__),
                "Check the network; without a cloud at hand: %op connect local",
            ) from None

    def channel(self, options: Options) -> grpc.aio.Channel:
        """Open a TLS channel that adds the SDK's token to each call."""
        import grpc

        return grpc.aio.secure_channel(self.endpoint, self._credentials, options=options)


def connection_to(
    target: object = None, *, token_env: str | None = None, ca: str | os.PathLike[str] | None = None
) -> Connection:
    """Find the connection for what a user named.

    Args:
        target: ``"local"``; None or ``"yandex"`` for Yandex Cloud with the credentials of the environment; an address
            (``host:port``, ``unix:/path``); or a ``yandexcloud.SDK``.
        token_env: Name of the environment variable with a bearer token, for an address.
        ca: Path of a PEM file of certificates to trust, for an address.

    Raises:
        NotConnected: The target is none of these, or has no credentials.
    """
    if isinstance(target, Connection):
        return target
    if target == "local":
        return LocalConnection()
    if target is None or target == "yandex":
        return _yandex_cloud(token_env)
    if isinstance(target, str) and is_address(target):
        return EndpointConnection(target, token_env=token_env, ca=ca)
    if hasattr(target, "client") and hasattr(target, "waiter"):
        return SdkConnection(target)
    shown = wording.one_line(target if isinstance(target, str) else type(target).__name__, 60)
    raise NotConnected(
        f"{shown!r} is nothing to connect to.",
        "Give local, yandex, an address (host:port or unix:/path) or a yandexcloud.SDK.",
    )


def is_address(text: str) -> bool:
    """Tell whether a text is an address: ``unix:/path`` or ``host:port``."""
    host, _, port = text.rpartition(":")
    return text.startswith("unix:/") or (bool(host) and port.isdecimal() and not set(text) & set(" /\\\t\n"))


def is_on_this_host(address: str) -> bool:
    """Tell whether an address stays on this host: a unix socket or loopback."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _yandex_cloud(token_env: str | None) -> SdkConnection:
    """Connect with the first credentials there are, in the order of DataSphere's own command line."""
    import yandexcloud

    known = ("YC_IAM_TOKEN", "YC_TOKEN", "YC_OAUTH_TOKEN")
    name = token_env or next((name for name in known if os.environ.get(name, "").strip()), None)
    if name:
        token = _read_token(name)
        # An IAM token starts with t1.; anything else under these names is an OAuth token.
        iam = name == "YC_IAM_TOKEN" or token.startswith("t1.")
        sdk = yandexcloud.SDK(iam_token=token) if iam else yandexcloud.SDK(token=token)
        return SdkConnection(sdk, f"{'an IAM' if iam else 'an OAuth'} token from ${name}")
    return SdkConnection(yandexcloud.SDK(), "the service account of this machine (metadata service)")


def _read_token(name: str) -> str:
    """Return the token that an environment variable holds.

    Raises:
        NotConnected: It holds none that can be sent.
    """
    token = os.environ.get(name, "").strip()
    if token and token.isascii() and token.isprintable():
        return token
    why = f"What ${name} holds is no token." if token else f"${name} is unset or empty."
    raise NotConnected(why, "Set it to the token alone, then connect again.")


def _read_certificates(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NotConnected(f"The certificates in {os.fspath(path)!r} cannot be read: {error.strerror}.") from None


def _within(seconds: float, work: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Run blocking work that has no deadline of its own, and give up waiting for it after so many seconds."""
    results: list[dict[str, str]] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="ds_ops_magic discovery", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {wording.duration(seconds)}")
    return results[0]
