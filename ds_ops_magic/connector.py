"""From what a user names, to a connection and a client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ds_ops_magic.client import DEFAULT_RATE, OperationClient
from ds_ops_magic.connection import sdk, yandex
from ds_ops_magic.connection.addresses import check_no_scheme, is_address, plain
from ds_ops_magic.connection.connection import Connection, EndpointConnection, read_certificates
from ds_ops_magic.connection.credentials import CommandLine, EnvironmentToken, KeyFile, Source, default_sources
from ds_ops_magic.connection.yandex_api import DISCOVERY, Cloud
from ds_ops_magic.local.connection import LocalConnection
from ds_ops_magic.model.errors import NotConnected
from ds_ops_magic.util import threads
from ds_ops_magic.util.public_names import set_home
from ds_ops_magic.util.text import masked, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FLAGS = {
    "token_env": "--iam-token-env",
    "sa_key": "--sa-key",
    "profile": "--profile",
    "ca": "--ca",
    "discovery": "--discovery",
}


def connect(
    target: object = None,
    *,
    token_env: str | None = None,
    sa_key: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    discovery: str | None = None,
    ca: str | os.PathLike[str] | None = None,
    rate: float = DEFAULT_RATE,
) -> OperationClient:
    """Connect to an OperationService.

    Args:
        target: ``"local"``: the service of this process, started when needed, which no client's ``close`` stops. None
            or ``"yandex"``: Yandex Cloud.
            ``"host:port"`` or ``"unix:/path"``: that address, in plaintext on this host and with TLS anywhere else.
            Or a ``yandexcloud.SDK``, which brings all of this itself.
        token_env: Name of the environment variable with an IAM token; at an address, with any bearer token.
        sa_key: Path of the authorized key of a service account, as ``yc iam key create`` writes it.
        profile: Name of a profile of ``yc``. Without these three the credentials for Yandex Cloud are the first that
            it accepts of ``YC_IAM_TOKEN``, ``YC_TOKEN``, ``YC_OAUTH_TOKEN``, the metadata service, and ``yc``.
        discovery: Host that says where Yandex Cloud's services are; ``YC_ENDPOINT`` when None.
        ca: Path of a PEM file of certificates to trust.
        rate: The most calls per second, over all operations.

    Raises:
        NotConnected: The target is none of these, an option does not go with it, or no credentials were accepted,
            which takes 2 s at most.
        ServiceUnavailable: Yandex Cloud's operation service does not answer.
    """
    found = connection_to(target, token_env=token_env, sa_key=sa_key, profile=profile, discovery=discovery, ca=ca)
    return OperationClient(found, rate=rate)


set_home("ds_ops_magic", connect)


def connection_to(
    target: object = None,
    *,
    token_env: str | None = None,
    sa_key: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    discovery: str | None = None,
    ca: str | os.PathLike[str] | None = None,
) -> Connection:
    """Find the connection for what a user named; arguments and errors are those of `connect`."""
    options = {"token_env": token_env, "sa_key": sa_key, "profile": profile, "ca": ca, "discovery": discovery}
    given = {name for name, value in options.items() if value is not None}
    _refuse_tokens({"": target, **options})
    if target is None or target == "yandex":
        _allow(given, {"token_env", "sa_key", "profile", "ca", "discovery"}, "Yandex Cloud")
        # An interrupt would leave locks of gRPC's blocking calls held, and files open.
        return threads.uninterrupted(lambda: _to_yandex(discovery, ca, _sources(token_env, sa_key, profile)))
    if isinstance(target, Connection):
        _allow(given, set(), "a connection that there is already")
        return target
    if target == "local":
        _allow(given, set(), "local")
        return LocalConnection()
    if isinstance(target, str):
        check_no_scheme(target)
        if is_address(target):
            _allow(given, {"token_env", "ca"}, "an address")
            address = plain(target)
            return threads.uninterrupted(lambda: EndpointConnection(address, token_env=token_env, ca=ca))
    elif hasattr(target, "client") and hasattr(target, "waiter"):
        _allow(given, set(), "an SDK, which has credentials of its own")
        return threads.uninterrupted(lambda: sdk.connect(target))
    raise _nothing(target)


def _to_yandex(
    discovery: str | None, ca: str | os.PathLike[str] | None, sources: Sequence[Source]
) -> yandex.YandexConnection:
    cloud = Cloud(discovery or _region(), read_certificates(ca) if ca is not None else None)
    return yandex.connect(cloud, sources, yandex.CONNECT_TIMEOUT)


def _refuse_tokens(given: Mapping[str, object]) -> None:
    """Refuse a token where a name belongs, before a message repeats it.

    Raises:
        NotConnected: Something looks like one.
    """
    for name, value in given.items():
        if isinstance(value, str) and masked(value) != value:
            raise NotConnected(
                f"What was given {f'for {_FLAGS[name]}' if name else 'to connect to'} looks like a token.",
                "Put it into an environment variable, give the variable's name to --iam-token-env, "
                "and delete the token here.",
            )


def _nothing(target: Any) -> NotConnected:
    shown = one_line(target if isinstance(target, str) else type(target).__name__, 60)
    return NotConnected(
        f"{shown!r} is nothing to connect to.",
        "Give local, yandex, an address (host:port or unix:/path) or a yandexcloud.SDK.",
    )


def _allow(given: set[str], known: set[str], what: str) -> None:
    """Refuse options that would have no effect, and credentials from two places at once.

    Raises:
        NotConnected: There are some.
    """
    for name in sorted(given - known):
        raise NotConnected(f"{_FLAGS[name]} does not go with {what}.", "Leave it out. All options: %op connect --help")
    sources = sorted(given & {"token_env", "sa_key", "profile"})
    if len(sources) > 1:
        raise NotConnected(f"{' and '.join(_FLAGS[name] for name in sources)} exclude each other: give one.")


def _region() -> str:
    """Return the host of endpoint discovery, from the variable that Yandex Cloud's Terraform provider reads too."""
    return os.environ.get("YC_ENDPOINT", "").strip() or DISCOVERY


def _sources(token_env: str | None, sa_key: str | os.PathLike[str] | None, profile: str | None) -> list[Source]:
    if token_env is not None:
        return [EnvironmentToken(token_env, is_iam=True)]
    if sa_key is not None:
        return [KeyFile(sa_key)]
    if profile is not None:
        return [CommandLine(profile)]
    return default_sources()
