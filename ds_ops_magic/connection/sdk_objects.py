"""What connections by objects of other SDKs share: they bring endpoints and credentials, in ways of their own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from ds_ops_magic.connection.background import in_background
from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connection.tokens import API_KEY, BEARER, NoToken, Token
from ds_ops_magic.connection.yandex import REFRESH_TIMEOUT, YandexConnection
from ds_ops_magic.connection.yandex_api import DiscoveryFailed
from ds_ops_magic.model.errors import NotConnected
from ds_ops_magic.model.grpc_codes import OnGet, meaning_of
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.util.text import duration, one_line

if TYPE_CHECKING:
    from ds_ops_magic.connection.credentials import Source
    from ds_ops_magic.connection.yandex_api import Cloud

DISCOVERY_TIMEOUT = 2.0
"""Seconds that endpoint discovery may take."""


class ObjectConnection(YandexConnection):
    """A connection with the endpoints and the credentials of a user's own object."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a connection by {self.source} holds its credentials, and is not pickled: connect again")


def is_of(value: object, package: str, name: str) -> bool:
    """Tell whether a value is of a class of a package, which is not imported for that."""
    kinds = type(value).__mro__
    return any(kind.__name__ == name and str(kind.__module__).partition(".")[0] == package for kind in kinds)


def connect(cloud: Cloud, source: Source) -> ObjectConnection:
    """Connect by what was found in an object. Getting its token may take as long as a refresh: it may run ``yc``.

    Raises:
        NotConnected: It does not say where the operation service is, or has no token.
        OperationsError: No thread can be started.
    """
    deadline = time.monotonic() + REFRESH_TIMEOUT
    pending = in_background(lambda: source.fetch(cloud, REFRESH_TIMEOUT))
    try:
        cloud.address(OPERATION, DISCOVERY_TIMEOUT)
        token = pending.result(deadline - time.monotonic())
    except DiscoveryFailed as error:
        raise NotConnected(
            f"The address of the operation service is not to be had of {source.name}: {error}.",
            "Check its endpoint and the network; without a cloud at hand: %op connect local",
        ) from None
    except (NoToken, TimeoutError) as error:
        message = f"no answer within {duration(REFRESH_TIMEOUT)}" if isinstance(error, TimeoutError) else str(error)
        raise NotConnected(
            f"Not connected by {source.name}: {message}.",
            "With credentials of your own: %op connect --help; without a cloud at hand: %op connect local",
        ) from None
    return ObjectConnection(cloud, source, token, time.time)


def token_of(name: object, value: object) -> Token:
    """Return the token in a header of calls; raise NoToken for a header of another kind."""
    scheme, _, secret = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if str(name).lower() != "authorization" or scheme not in (BEARER, API_KEY):
        raise NoToken("what it sends along is neither a token nor an API key")
    return Token.checked(secret, scheme=scheme)


def no_token(error: Exception, *secrets: object) -> NoToken:
    """Make the error for whatever an SDK raised in place of a token; it may repeat the secrets it was made with."""
    import grpc

    message = str(error)
    retryable = isinstance(error, (OSError, TimeoutError)) or type(error).__module__.partition(".")[0] == "httpx"
    if isinstance(error, grpc.RpcError):
        code = error.code().name
        message = f"{code}: {error.details() or ''}"
        retryable = meaning_of(code).get in (OnGet.RETRY, OnGet.BACK_OFF)
    message = redacted(f"{type(error).__name__}: {message}", *(text for text in secrets if isinstance(text, str)))
    return NoToken(one_line(message, 200), retryable=retryable)


def unusable(what: str, missing: object, package: str) -> NotConnected:
    """Make the error for an object that has not what its class has in the version of the package that is known."""
    return NotConnected(
        f"This {what} cannot be used: it has no {one_line(str(missing), 50)}.",
        f"Install {package}, or name the endpoint: %op connect ENDPOINT",
    )
