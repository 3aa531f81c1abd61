"""Connections by an ``SDK`` object of the package ``datasphere``, the command line of DataSphere Jobs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection import sdk_objects
from ds_ops_magic.connection.background import in_background
from ds_ops_magic.connection.connection import read_certificates
from ds_ops_magic.connection.credentials import Source
from ds_ops_magic.connection.sdk_objects import is_of, no_token, token_of, unusable
from ds_ops_magic.connection.tokens import NoToken, Token
from ds_ops_magic.connection.yandex_api import DATASPHERE, Cloud
from ds_ops_magic.model.errors import NotConnected
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.util.text import duration, one_line

if TYPE_CHECKING:
    from ds_ops_magic.connection.connection import Connection

SOURCE = "the given datasphere SDK"
_PACKAGE = "datasphere"


def is_datasphere(value: object) -> bool:
    return is_of(value, _PACKAGE, "SDK")


def connect(sdk: Any) -> Connection:
    """Connect by an SDK object, with the endpoints of its package and its credentials.

    Raises:
        NotConnected: It is of another version, is made for an installation inside of Yandex, or has no credentials.
        OperationsError: No thread can be started.
    """
    module = sys.modules.get(f"{_PACKAGE}.channel")  # by which its channels are opened
    if module is None:
        raise unusable("datasphere SDK", f"module {_PACKAGE}.channel", "datasphere 0.10")
    try:
        client = sdk.client
        if not hasattr(type(client), "md"):  # itself it is not asked for yet: that gets a token
            raise AttributeError(name="md")
        services = _Services(module)
    except AttributeError as error:
        raise unusable("datasphere SDK", error.name, "datasphere 0.10") from None
    return sdk_objects.connect(services, _Auth(client))


class _Services(Cloud):
    """The services that the package names; it asks no endpoint discovery."""

    name = SOURCE

    def __init__(self, module: Any) -> None:
        environment = str(getattr(module.env, "name", module.env))
        if environment not in ("PROD", "PREPROD"):
            raise NotConnected(
                f"This datasphere SDK is for SERVER_ENV={one_line(environment, 40)}, whose services are not public.",
                "Unset SERVER_ENV and start Python again, or name the endpoint: %op connect ENDPOINT",
            )
        # As the package has it.
        roots = read_certificates(os.environ.get("ROOT_CA", "")) if environment == "PREPROD" else None
        super().__init__(module.op_endpoint, roots)
        self._endpoints = {OPERATION: module.op_endpoint, DATASPHERE: module.job_endpoint}


class _Auth(Source):
    """The token that the client sends along: what it was given, else of the environment, the machine or ``yc``."""

    name = SOURCE
    identity = f"the account of {SOURCE}"

    def __init__(self, client: Any) -> None:
        self._client = client

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        pending = in_background(lambda: dict(self._client.md), "ds_ops_magic token")  # it knows no limit
        try:
            headers = pending.result(timeout)
        except TimeoutError:
            raise NoToken(f"no answer within {duration(timeout)}", retryable=True) from None
        except AssertionError:  # of a `yc` that printed nothing, for one
            raise NoToken("it found no token") from None
        except Exception as error:
            raise no_token(error, getattr(self._client, "oauth_token", None)) from None
        return token_of("authorization", headers.get("authorization"))
