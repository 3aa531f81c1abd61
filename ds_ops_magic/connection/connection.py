"""Connections: an address and credentials, and the gRPC channel that is opened with them."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection.addresses import channel_options, console_of, is_on_this_host
from ds_ops_magic.connection.credentials import read_variable
from ds_ops_magic.connection.files import UnreadableFile, read_file
from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connection.tokens import API_KEY, BEARER, NoToken, Token, Tokens, kind_of
from ds_ops_magic.model.errors import AuthenticationError, NotConnected, OperationsError
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    import grpc

Options = Sequence[tuple[str, Any]]

_log = logging.getLogger(__name__)


class Connection(PickledByName):
    """An address and how to reach it. Opens channels; knows nothing of what is asked over them.

    Attributes:
        endpoint: The address, as shown to the user.
        identity: Who we are there, as shown to the user; never a token.
        source: Where the credentials came from, for example ``$YC_IAM_TOKEN``; empty where there are none.
        rejected_sources: The sources that were tried before that one and failed, each with the reason.
        verified: Whether the service has accepted these credentials while connecting: it need not be asked again.
    """

    endpoint: str
    identity: str
    source: str = ""
    rejected_sources: tuple[str, ...] = ()
    verified: bool = False

    @property
    def service_key(self) -> str:
        """The key of the service in the history, the same in every process."""
        return self.endpoint

    @property
    def console(self) -> str:
        """The host of DataSphere's console for what is at this endpoint; empty where there is none."""
        return console_of(self.endpoint)

    def address_of(self, service: str) -> str:
        """Return the address of a service by its id in endpoint discovery; an endpoint of one's own answers for all.

        Raises:
            OperationsError: Endpoint discovery knows no such service.
        """
        return self.endpoint

    def channel(self, options: Options, service: str = OPERATION) -> grpc.aio.Channel:
        """Open a channel to a service; called on the event loop that will use it."""
        raise NotImplementedError

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what to send along with each call."""
        return ()

    @property
    def token_generation(self) -> int:
        """The number of the credentials in use; other credentials have another number."""
        return 0

    def refresh(self, token_generation: int) -> None:
        """Get fresh credentials after a call with that generation was refused, unless others are in use by now. Blocks.

        Raises:
            AuthenticationError: There are none to be had.
            TemporarilyUnavailable: Their source does not answer now; later it may.
        """

    def redacted(self, message: str) -> str:
        """Return a service's message without the credentials that it was given; it may repeat them."""
        return redacted(message)

    def without_secrets(self, answer: bytes, request: bytes) -> bytes:
        """Return a serialized answer, of the same size, without the credentials that came with its request."""
        return answer

    def close(self) -> None:
        """Close what the connection itself has opened, which the channels are not."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.endpoint} as {self.identity}>"


class TokenConnection(Connection):
    """A connection whose calls carry a token, which may be exchanged for another."""

    _tokens: Tokens

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return self._tokens.metadata

    def redacted(self, message: str) -> str:
        return self._tokens.redacted(message)

    def without_secrets(self, answer: bytes, request: bytes) -> bytes:
        return self._tokens.without_secrets(answer, request)

    @property
    def token_generation(self) -> int:
        return self._tokens.current[0]


class EndpointConnection(TokenConnection):
    """A service at a known address: plaintext on this host, TLS anywhere else.

    Args:
        address: ``host:port`` or ``unix:/path``.
        token_env: Name of the environment variable that holds a bearer token; read again at each refresh.
        api_key_env: Name of the variable that holds an API key, in place of a token.
        ca: Path of a PEM file with the certificates to trust, for TLS; it also asks for TLS on loopback.

    Raises:
        NotConnected: The variable is unset or holds no token, or the file cannot be read.
    """

    def __init__(
        self,
        address: str,
        *,
        token_env: str | None = None,
        api_key_env: str | None = None,
        ca: str | os.PathLike[str] | None = None,
    ) -> None:
        self.endpoint = address
        self._variable, self._scheme = (api_key_env, API_KEY) if api_key_env else (token_env, BEARER)
        self.source = f"${self._variable}" if self._variable else ""
        bearer = (
            f"the service account of the API key in {self.source}" if api_key_env else f"the bearer of {self.source}"
        )
        self.identity = bearer if self.source else "nobody in particular"
        self._roots = read_certificates(ca) if ca is not None else None
        self._tls = self._roots is not None or not is_on_this_host(address)
        self._tokens = Tokens(_read_token(self._variable, self._scheme) if self._variable else None)

    def channel(self, options: Options, service: str = OPERATION) -> grpc.aio.Channel:
        import grpc

        options = (*options, *channel_options(self.endpoint))
        if not self._tls:
            return grpc.aio.insecure_channel(self.endpoint, options=options)
        credentials = grpc.ssl_channel_credentials(root_certificates=self._roots)
        return grpc.aio.secure_channel(self.endpoint, credentials, options=options)

    def refresh(self, token_generation: int) -> None:
        current, token = self._tokens.current
        if current != token_generation:
            return
        shown = tidy(self.endpoint, 100)
        if self._variable is None:
            hint = f"Put the token into an environment variable, then: %op connect {shown} --iam-token-env NAME"
            raise AuthenticationError(f"{shown} wants credentials, and none were given.", hint)
        kind = kind_of(self._scheme)
        try:
            fresh = _read_token(self._variable, self._scheme)
        except NotConnected as error:
            raise AuthenticationError(f"{shown} refused the {kind} it was given.", *map(str, error.args)) from None
        if token is not None and fresh.value == token.value:
            why = "it has run out, or is not valid there"
            if self._scheme == API_KEY:
                why = "it is not valid there, or no API key is: a token may be, by --iam-token-env NAME"
            raise AuthenticationError(
                f"{shown} refused the {kind} in ${self._variable}: {why}.",
                f"Put a valid one into ${self._variable}; operations go on by themselves, so wait again afterwards.",
            )
        self._tokens.use(fresh)
        _log.debug("took another token from %s", self.source)


def no_such_service(service: str, where: str = "Yandex Cloud") -> OperationsError:
    """Make the error for a service, by its id in endpoint discovery, that has no address there."""
    where = where[0].upper() + where[1:]
    shown = one_line(service, 60)
    return OperationsError(f"{where} names no service {shown!r}: check what stands before the colon of the id.")


def _read_token(variable: str, scheme: str) -> Token:
    try:
        return read_variable(variable, scheme)
    except NoToken as error:
        shown = one_line(variable, 100)
        raise NotConnected(
            f"${shown} is {error}.", f"Set it to the {kind_of(scheme)} alone, then connect again."
        ) from None


def read_certificates(path: str | os.PathLike[str]) -> bytes:
    """Read a PEM file of certificates to trust; raise NotConnected where it holds none."""
    shown = tidy(os.fspath(path), 100)
    try:
        data = read_file(path)
    except UnreadableFile as error:
        raise NotConnected(f"The certificates in {shown!r} cannot be read: {error}.") from None
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise NotConnected(f"{shown!r} holds no certificate: a PEM file begins with -----BEGIN CERTIFICATE-----.")
    return data
