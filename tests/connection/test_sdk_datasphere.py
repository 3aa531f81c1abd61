"""An SDK object of the package `datasphere`: the endpoints of its package, and the token that it sends along."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ds_ops_magic.connection import sdk_objects
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import AuthenticationError, NotConnected, OperationsError, ServiceUnavailable
from tests.support.following import lasting
from tests.support.sdk_clients import SDK, Client, datasphere_at
from tests.support.stand_ins import CloudStandIn

TOKEN = "t1.s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def package(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> Iterator[Any]:
    cloud.accepted.add(TOKEN)
    with datasphere_at(cloud.address, environment, roots=cloud.ca) as module:
        yield module


def test_its_endpoints_roots_and_credentials(cloud: CloudStandIn, log: pytest.LogCaptureFixture) -> None:
    for sdk in (SDK(TOKEN), type("Own", (SDK,), {})(TOKEN)):
        with connect(sdk) as client:
            assert client.connection.endpoint == client.connection.address_of("datasphere") == cloud.address
            assert client.connection.identity == "the account of the given datasphere SDK"
            client.check()
            assert client.wait("a").done
            shown = f"{client.connection!r}{vars(client.connection)}{log.text}"
            with pytest.raises(OperationsError, match="The given datasphere SDK names no service 'x'"):
                client.connection.address_of("x")
            with pytest.raises(TypeError, match="connect again"):
                pickle.dumps(client)
        assert "s3cr3t" not in shown


def test_a_refused_token(cloud: CloudStandIn) -> None:
    sdk = SDK(TOKEN)
    with connect(sdk) as client:
        cloud.accepted = {"t1.another-s3cr3t"}
        with pytest.raises(
            AuthenticationError, match="the token from the given datasphere SDK, which has no other one"
        ):
            client.get("a")
        sdk.client.oauth_token = "t1.another-s3cr3t"
        assert client.get("a").id == "a"


def test_no_credentials() -> None:
    with pytest.raises(NotConnected, match="Not connected by the given datasphere SDK: RuntimeError: None of auth"):
        connect(SDK(None))
    with pytest.raises(NotConnected, match="what it gave is no token"):
        connect(SDK("two words"))


@pytest.mark.parametrize(
    ("error", "said"), [(ValueError, r"ValueError: no such token: \(token\)"), (AssertionError, "it found no token")]
)
def test_an_error_in_place_of_a_token(error: type[Exception], said: str, environment: pytest.MonkeyPatch) -> None:
    def md(client: Client) -> None:
        raise error(f"no such token: {client.oauth_token}")

    environment.setattr(Client, "md", property(md))
    with pytest.raises(NotConnected, match=f"Not connected by the given datasphere SDK: {said}\\.") as caught:
        connect(SDK("opaque"))
    assert "opaque" not in str(caught.value)


def test_credentials_that_do_not_come(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(sdk_objects, "REFRESH_TIMEOUT", 0.5)
    end = threading.Event()
    environment.setattr(Client, "md", property(lambda _: end.wait()))
    with lasting(0.4, 2.0), pytest.raises(NotConnected, match=r"no answer within 0\.5 s"):
        connect(SDK(TOKEN))
    end.set()


@pytest.mark.parametrize("name", ["DEV", "PREPROD_NO_GW"])
def test_an_installation_with_private_services(name: str, package: Any) -> None:
    package.env.name = name
    with pytest.raises(NotConnected, match=f"for SERVER_ENV={name}, whose services are not public"):
        connect(SDK(TOKEN))


def test_only_the_roots_of_the_system(package: Any, cloud: CloudStandIn) -> None:
    package.env.name = "PROD"
    with connect(SDK(TOKEN)) as client, pytest.raises(ServiceUnavailable):
        client.check()
    assert not cloud.server.calls


def test_another_version(package: Any, environment: pytest.MonkeyPatch) -> None:
    del package.op_endpoint
    with pytest.raises(NotConnected, match="This datasphere SDK cannot be used: it has no op_endpoint") as caught:
        connect(SDK(TOKEN))
    assert "Install datasphere 0.10" in str(caught.value)
    environment.delattr(Client, "md")
    with pytest.raises(NotConnected, match="it has no md"):
        connect(SDK(TOKEN))
    environment.delitem(sys.modules, "datasphere.channel")
    with pytest.raises(NotConnected, match=r"it has no module datasphere\.channel"):
        connect(SDK(TOKEN))
