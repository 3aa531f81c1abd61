"""A certificate that is not for the name of its server: gRPC refuses it, and no service has refused a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.connection.credentials import EnvironmentToken
from ds_ops_magic.connection.tokens import NoToken
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import AuthenticationError, NotConnected, ServiceUnavailable
from tests.support.certificates import Authority
from tests.support.following import QUICK, client_of, lasting, until
from tests.support.ports import own_port
from tests.support.scripted import Call, ScriptedServer, Stage

SECRET = "t1.s3cr3t-t0ken"
SENTENCE = r"[Tt]he certificate at .* is not for that name"


@pytest.fixture(autouse=True)
def token(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("YC_IAM_TOKEN", SECRET)


def never(call: Call) -> None:
    raise AssertionError("a service whose certificate is wrong was asked")


# With a common name alone gRPC connects where that is the address, and then refuses each call by itself.
@pytest.mark.parametrize(
    ("named", "alternative"),
    [("127.0.0.1", False), ("localhost", False), ("example.org", False), ("example.org", True)],
)
@pytest.mark.parametrize("token_env", [None, "YC_IAM_TOKEN"])
def test_an_address(named: str, alternative: bool, token_env: str | None, authority: Authority) -> None:
    credentials = authority.server(named, alternative=alternative)
    with (
        ScriptedServer(never, credentials=credentials) as server,
        client_of(server, ca=authority.ca, token_env=token_env, connect_timeout=0.5) as client,
    ):
        for ask in (client.check, lambda: client.get("a"), lambda: client.wait("a"), lambda: client.cancel("a")):
            with lasting(0.0, 10.0), pytest.raises(ServiceUnavailable, match=SENTENCE) as caught:
                ask()
            assert server.address in str(caught.value)
            assert "subjectAltName" in str(caught.value)
            assert len(str(caught.value).splitlines()) <= 3
    assert not server.calls


def test_a_renewed_certificate_without_the_name_is_an_outage(authority: Authority) -> None:
    port, stage = own_port(), Stage()
    with ScriptedServer(stage, port=port, credentials=authority.server("127.0.0.1")) as server:
        client = OperationClient(
            EndpointConnection(server.address, token_env="YC_IAM_TOKEN", ca=authority.ca), schedule=QUICK
        )
        watch = client.watch("a")
        until(lambda: watch.operations[0])
    with client:
        with ScriptedServer(never, port=port, credentials=authority.server("127.0.0.1", alternative=False)):
            until(lambda: "SSL server name" in (watch.view().health.last_status or ""))
            refused = client.connection.token_generation
            assert not watch.view().entries[0].ended
            assert (watch.view().health.last_status or "").startswith("UNAVAILABLE")
        stage.set("a", done=True)
        with ScriptedServer(stage, port=port, credentials=authority.server("127.0.0.1")):
            assert watch.wait(30).succeeded
        assert client.connection.token_generation == refused  # nobody asked for others


@contextmanager
def a_cloud(authority: Authority, discovery: bool, services: bool) -> Iterator[str]:
    """Give the address of a cloud; which of its certificates name what they are for."""
    with (
        ScriptedServer(never, credentials=authority.server("127.0.0.1", alternative=services)) as behind,
        ScriptedServer(never, credentials=authority.server("127.0.0.1", alternative=discovery)) as first,
    ):
        address, first.address = first.address, behind.address  # that of every service, as it says
        yield address
        assert not behind.calls


@pytest.mark.parametrize("discovery", [True, False])
def test_yandex_cloud(discovery: bool, authority: Authority) -> None:
    with (
        a_cloud(authority, discovery=discovery, services=not discovery) as address,
        lasting(0.0, 2.0),
        pytest.raises((ServiceUnavailable, NotConnected), match=SENTENCE) as caught,
    ):
        connect(discovery=address, ca=authority.ca, token_env="YC_IAM_TOKEN")
    assert "subjectAltName" in str(caught.value)
    assert "refused" not in str(caught.value)
    # The service does not answer; or discovery does not, and nobody says where the service is.
    assert isinstance(caught.value, ServiceUnavailable) is discovery


def test_a_token_service(authority: Authority, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("YC_TOKEN", "y0_of-a-user")
    source = EnvironmentToken("YC_TOKEN", is_iam=False)
    with a_cloud(authority, discovery=True, services=False) as address:
        cloud = Cloud(address, authority.certificate)
        cloud.discover(10.0)
        with pytest.raises(NoToken, match=SENTENCE) as caught:
            source.fetch(cloud, 10.0)
    assert caught.value.retryable  # somebody may mend it while a wait goes on


def test_a_token_that_the_service_refuses(authority: Authority) -> None:
    def get(call: Call) -> None:
        call.refuse(grpc.StatusCode.UNAUTHENTICATED, "this host does not match your token")

    with (
        ScriptedServer(get, credentials=authority.server("127.0.0.1")) as server,
        client_of(server, ca=authority.ca, token_env="YC_IAM_TOKEN") as client,
        pytest.raises(AuthenticationError, match="refused the token"),
    ):
        client.get("a")
