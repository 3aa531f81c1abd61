"""Connects to what a user names: Yandex Cloud, an address, the service of this process, an object of an SDK."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from ds_ops_magic.client import DEFAULT_RATE, OperationClient
from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.addresses import check_no_scheme, is_address, normalized
from ds_ops_magic.connection.connection import Connection, EndpointConnection, read_certificates
from ds_ops_magic.connection.credentials import (
    ApiKey,
    CommandLine,
    EnvironmentToken,
    KeyFile,
    Source,
    default_sources,
)
from ds_ops_magic.connection.yandex_api import DISCOVERY, Cloud
from ds_ops_magic.local.connection import LocalConnection
from ds_ops_magic.model.errors import NotConnected
from ds_ops_magic.util import threads
from ds_ops_magic.util.public_names import set_home
from ds_ops_magic.util.text import masked, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_log = logging.getLogger(__name__)

# The flags of %op connect, by the options of `connect`.
_FLAGS = {
    "token_env": "--iam-token-env",
    "api_key_env": "--api-key-env",
    "sa_key": "--sa-key",
    "profile": "--profile",
    "ca": "--ca",
    "discovery": "--discovery",
}


def connect(
    target: object = None,
    *,
    token_env: str | None = None,
    api_key_env: str | None = None,
    sa_key: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    discovery: str | None = None,
    ca: str | os.PathLike[str] | None = None,
    rate: float = DEFAULT_RATE,
) -> OperationClient:
    """Connect to an OperationService.

    Args:
        target: ``"local"``: the service of this process, started when needed, which no client's ``close`` stops.
            None or ``"yandex"``: Yandex Cloud. ``"host:port"`` or ``"unix:/path"``: that address, in plaintext on this
            host and with TLS elsewhere; nothing is sent yet. An object of an SDK, which brings all of this itself: a
            ``yandexcloud.SDK``, an ``AIStudio`` or ``AsyncAIStudio``, or the ``SDK`` of ``datasphere``.
        token_env: Name of the environment variable with an IAM token; at an address, with any bearer token.
        api_key_env: Name of the environment variable with an API key, which not every service takes.
        sa_key: Path of the authorized key of a service account, as ``yc iam key create`` writes it.
        profile: Name of a profile of ``yc``. Without these four the credentials for Yandex Cloud are the first that
            it accepts of ``YC_IAM_TOKEN``, ``YC_TOKEN``, ``YC_OAUTH_TOKEN``, the metadata service, ``yc``, and
            ``YC_API_KEY``.
        discovery: Host that says where Yandex Cloud's services are; ``YC_ENDPOINT`` when None.
        ca: Path of a PEM file of certificates to trust.
        rate: The most calls per second, over all operations.

    Raises:
        NotConnected: The target is none of these, an option does not fit it, or no credentials are accepted in 2 s (had
            in 10 s, for an object of an SDK).
        ServiceUnavailable: Yandex Cloud's operation service does not answer.
    """
    options = {
        "token_env": token_env,
        "api_key_env": api_key_env,
        "sa_key": sa_key,
        "profile": profile,
        "ca": ca,
        "discovery": discovery,
    }
    connection = _connection(target, {name: value for name, value in options.items() if value is not None})
    verb = "connected" if connection.verified else "will connect"
    _log.info("%s to %s as %s", verb, connection.endpoint, connection.identity)
    return OperationClient(connection, rate=rate)


set_home("ds_ops_magic", connect)


def _connection(target: object, options: Mapping[str, Any]) -> Connection:
    _refuse_tokens({"": target, **options})
    if target is None or target == "yandex":
        _check_options(options, _FLAGS, "Yandex Cloud")
        # An interrupt would leave locks of gRPC's blocking calls held, and files open.
        return threads.uninterrupted(lambda: _to_yandex(options))
    if isinstance(target, Connection):
        _check_options(options, (), "a connection that there is already")
        return target
    if target == "local":
        _check_options(options, (), "local")
        return LocalConnection()
    if isinstance(target, str):
        check_no_scheme(target)
        if is_address(target):
            _check_options(options, ("token_env", "api_key_env", "ca"), "an address")
            address = normalized(target)
            return threads.uninterrupted(lambda: EndpointConnection(address, **options))
    elif (by_sdk := _sdk_connect(target)) is not None:
        _check_options(options, (), "an SDK, which has credentials of its own")
        return threads.uninterrupted(lambda: by_sdk(target))
    shown = one_line(target if isinstance(target, str) else type(target).__name__, 60)
    hint = (
        "Give local, yandex, an address (host:port or unix:/path) or an SDK object: of yandexcloud, "
        "yandex-ai-studio-sdk or datasphere."
    )
    raise NotConnected(f"{shown!r} is nothing to connect to.", hint)


def _sdk_connect(target: object) -> Callable[[Any], Connection] | None:
    """Return what connects by an object of an SDK, None for any other object."""
    if hasattr(target, "client") and hasattr(target, "waiter"):
        from ds_ops_magic.connection import sdk

        return sdk.connect
    from ds_ops_magic.connection import sdk_ai_studio, sdk_datasphere

    if sdk_ai_studio.is_ai_studio(target):
        return sdk_ai_studio.connect
    return sdk_datasphere.connect if sdk_datasphere.is_datasphere(target) else None


def _to_yandex(options: Mapping[str, Any]) -> Connection:
    # YC_ENDPOINT is what Yandex Cloud's Terraform provider reads too.
    discovery = options.get("discovery") or os.environ.get("YC_ENDPOINT", "").strip() or DISCOVERY
    roots = read_certificates(options["ca"]) if "ca" in options else None
    return yandex.connect(Cloud(discovery, roots), _sources(options), yandex.CONNECT_TIMEOUT)


def _sources(options: Mapping[str, Any]) -> list[Source]:
    if "token_env" in options:
        return [EnvironmentToken(options["token_env"], is_iam=True)]
    if "api_key_env" in options:
        return [ApiKey(options["api_key_env"])]
    if "sa_key" in options:
        return [KeyFile(options["sa_key"])]
    if "profile" in options:
        return [CommandLine(options["profile"])]
    return default_sources()


def _refuse_tokens(given: Mapping[str, object]) -> None:
    """Refuse a token where a name belongs, before a message repeats it."""
    for name, value in given.items():
        if isinstance(value, str) and masked(value) != value:
            raise NotConnected(
                f"What was given {f'for {_FLAGS[name]}' if name else 'to connect to'} looks like a token or a key.",
                "Put it into an environment variable, give the variable's name to --iam-token-env (an API key's to "
                "--api-key-env), and delete it here.",
            )


def _check_options(given: Collection[str], allowed: Collection[str], target: str) -> None:
    for name in sorted(given):
        if name not in allowed:
            hint = "Leave it out. All options: %op connect --help"
            raise NotConnected(f"{_FLAGS[name]} does not go with {target}.", hint)
    sources = sorted({"token_env", "api_key_env", "sa_key", "profile"}.intersection(given))
    if len(sources) > 1:
        raise NotConnected(f"{' and '.join(_FLAGS[name] for name in sources)} exclude each other: give one.")
