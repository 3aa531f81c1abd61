"""An AIStudio object of yandex-ai-studio-sdk: its endpoints, its certificates, and each of its ways to credentials."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from typing import Any

import pytest

from ds_ops_magic.connection import sdk_objects
from ds_ops_magic.connection.tokens import Token
from ds_ops_magic.connector import connect
from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import AuthenticationError, NotConnected, OperationsError
from tests.support.following import lasting
from tests.support.scripted import Call, ScriptedServer, message
from tests.support.sdk_clients import (
    AIStudio,
    ApiKeyAuth,
    AsyncAIStudio,
    EnvTokenAuth,
    NoAuth,
    OAuthTokenAuth,
)
from tests.support.stand_ins import CloudStandIn

KEY, TOKEN, OAUTH = "opaque-s3cr3t-key", "t1.s3cr3t-t0ken", "y0_of-a-user-s3cr3t"


@pytest.fixture(autouse=True)
def accepted(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    cloud.api_keys.add(KEY)
    cloud.accepted.add(TOKEN)
    cloud.oauth.add(OAUTH)
    environment.setenv("YC_TOKEN", TOKEN)


def studio(cloud: CloudStandIn, auth: Any, kind: Any = AIStudio, **options: Any) -> Any:
    return kind(**{"endpoint": cloud.address, "auth": auth, "verify": cloud.ca, "iam": cloud.address, **options})


@pytest.mark.parametrize("kind", [AIStudio, AsyncAIStudio, type("Own", (AIStudio,), {})])
@pytest.mark.parametrize("auth", [str, ApiKeyAuth, EnvTokenAuth, OAuthTokenAuth])
def test_its_endpoints_roots_and_credentials(
    kind: Any, auth: Any, cloud: CloudStandIn, log: pytest.LogCaptureFixture
) -> None:
    given = {OAuthTokenAuth: (OAUTH,), EnvTokenAuth: ()}.get(auth, (KEY,))
    with connect(studio(cloud, auth(*given), kind)) as client:
        assert client.connection.endpoint == client.connection.address_of("datasphere") == cloud.address
        assert client.connection.identity == "the account of the given AIStudio SDK"
        client.check()
        assert client.wait("a").done
        shown = f"{client.connection!r}{vars(client.connection)}{log.text}"
    assert "s3cr3t" not in shown
    assert all(token not in shown for token in cloud.issued)


def test_its_client_is_left_alone(cloud: CloudStandIn) -> None:
    """It belongs to another event loop: no channel and no lock of ours may get into it."""
    sdk = studio(cloud, OAuthTokenAuth(OAUTH))
    before = dict(vars(sdk._client))
    threads = set(threading.enumerate())
    with connect(sdk) as client:
        assert client.wait("a").done
    assert vars(sdk._client) == before
    assert sdk._client._channels == {}
    assert sdk._client._auth_lock.made is sdk._client._channels_lock.made is None
    assert not [thread.name for thread in set(threading.enumerate()) - threads if "token" in thread.name]


def test_while_its_own_loop_holds_its_locks(cloud: CloudStandIn) -> None:
    sdk = studio(cloud, OAuthTokenAuth(OAUTH))

    async def use() -> None:
        async with sdk._client._auth_lock(), sdk._client._channels_lock():
            with connect(sdk) as client:
                assert (await client.wait_async("a")).done

    with lasting(0.0, 10.0):
        asyncio.run(use())


def test_what_it_uses_already_comes_first(cloud: CloudStandIn) -> None:
    sdk = studio(cloud, "a-key-that-was-replaced")
    sdk._client._auth_provider = ApiKeyAuth(KEY)
    with connect(sdk) as client:
        assert client.wait("a").done


def test_a_token_that_is_refused_is_fetched_anew(cloud: CloudStandIn) -> None:
    auth = OAuthTokenAuth(OAUTH)
    with connect(studio(cloud, auth)) as client:
        assert client.get("a").id == "a"
        cloud.accepted.clear()  # long before the hour that the SDK keeps it is over
        assert client.get("a").id == "a"
        assert len(cloud.issued) == 2
        assert auth._token == cloud.issued[0]  # the SDK's own is left alone
    environment_token = connect(studio(cloud, ApiKeyAuth(KEY)))
    cloud.api_keys.clear()
    with environment_token as client, pytest.raises(AuthenticationError, match="refused the API key") as caught:
        client.get("a")
    assert "the given AIStudio SDK" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_its_service_map(cloud: CloudStandIn) -> None:
    """No discovery is asked about what is in there; without an endpoint none is asked at all."""
    with ScriptedServer(lambda call: message(call.id, done=True)) as server:
        for endpoint in ("api.example.invalid:443", None):
            named = {"operation": server.address, "ai-foundation-models": "localhost:7"}
            with connect(AIStudio(endpoint=endpoint, auth=NoAuth(), service_map=named, verify=False)) as client:
                assert client.wait("a").done
                assert client.connection.address_of("ai-foundation-models") == "localhost:7"
        with pytest.raises(OperationsError, match="The given AIStudio SDK names no service 'datasphere'"):
            client.connection.address_of("datasphere")
    with connect(studio(cloud, KEY, service_map={"operation": "localhost:7"})) as client:
        assert client.connection.endpoint == "localhost:7"
        assert client.connection.address_of("datasphere") == cloud.address  # discovery was asked for it
        with pytest.raises(OperationsError, match="The given AIStudio SDK names no service 'x'"):
            client.connection.address_of("x")


def test_discovery_that_does_not_answer_is_asked_again(cloud: CloudStandIn) -> None:
    address = cloud.address
    with connect(studio(cloud, KEY, service_map={"operation": address}, endpoint="localhost:1")) as client:
        connection: Any = client.connection
        with (
            lasting(0.0, 3.0),
            pytest.raises(OperationsError, match="endpoint discovery at localhost:1 did not answer"),
        ):
            connection.address_of("datasphere")
        connection._cloud.discovery = address
        assert connection.address_of("datasphere") == address


def test_plaintext_on_this_host_alone(cloud: CloudStandIn) -> None:
    with LocalService() as service:
        made = AIStudio(endpoint=None, auth=NoAuth(), service_map={"operation": service.address}, verify=False)
        with connect(made) as client:
            assert client.get(service.simulate(0).id).done
    elsewhere: list[dict[str, Any]] = [
        {"endpoint": "api.cloud.yandex.net:443"},
        {"endpoint": None, "service_map": {"operation": "10.0.0.1:443"}},
        {"endpoint": "unix:/nowhere", "service_map": {"operation": "operations.example.org:443"}},
    ]
    for options in elsewhere:
        with lasting(0.0, 1.0), pytest.raises(NotConnected, match="anyone on the way could read the token") as caught:
            connect(AIStudio(auth=KEY, verify=False, **options))
        assert "verify=True" in str(caught.value)
    with ScriptedServer(lambda call: message(call.id, done=True)) as server:
        named = {"operation": server.address}
        sdk = AIStudio(endpoint=None, auth=OAuthTokenAuth(OAUTH), service_map=named, verify=False, iam="10.0.0.1:1")
        with pytest.raises(NotConnected, match=r"speaks plaintext to 10\.0\.0\.1:1"):
            connect(sdk)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        (None, "RuntimeError: no authorization data was found at environment"),
        (OAuthTokenAuth("s3cr3t"), "UNAUTHENTICATED: OAuth token is invalid (token)"),
        (ApiKeyAuth("two words"), "what it gave is no API key"),
    ],
    ids=["none", "unknown", "no key"],
)
def test_no_credentials(auth: Any, said: str, cloud: CloudStandIn) -> None:
    cloud.quote = True
    with lasting(0.0, 3.0), pytest.raises(NotConnected, match="Not connected by the given AIStudio SDK: ") as caught:
        connect(studio(cloud, auth))
    assert said in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_a_variable_that_is_gone(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("YC_TOKEN")
    with pytest.raises(NotConnected, match="KeyError: 'YC_TOKEN'"):
        connect(studio(cloud, EnvTokenAuth()))


class Hanging(NoAuth):
    async def get_auth_metadata(self, client: Any, timeout: float, lock: asyncio.Lock) -> None:
        await asyncio.Event().wait()


class Basic(NoAuth):
    async def get_auth_metadata(self, client: Any, timeout: float, lock: asyncio.Lock) -> tuple[str, str]:
        return ("authorization", "Basic s3cr3t")


def test_an_auth_class_of_a_users_own(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotConnected, match="neither a token nor an API key") as caught:
        connect(studio(cloud, Basic()))
    assert "s3cr3t" not in str(caught.value)
    environment.setattr(sdk_objects, "REFRESH_TIMEOUT", 0.5)
    with lasting(0.4, 2.0), pytest.raises(NotConnected, match=r"no answer within 0\.5 s"):
        connect(studio(cloud, Hanging()))


def test_discovery_that_names_nothing(cloud: CloudStandIn) -> None:
    cloud.server.address = ""
    with pytest.raises(
        NotConnected, match="The address of the operation service is not to be had of the given AIStudio"
    ):
        connect(studio(cloud, KEY))


@pytest.mark.parametrize("name", ["_client", "_service_map_override", "_verify", "_auth_provider"])
def test_another_version(name: str, cloud: CloudStandIn) -> None:
    sdk = studio(cloud, KEY)
    delattr(sdk if name == "_client" else sdk._client, name)
    with pytest.raises(NotConnected, match=f"This AIStudio SDK cannot be used: it has no {name}") as caught:
        connect(sdk)
    assert "Install yandex-ai-studio-sdk 0.22" in str(caught.value)


def test_options_and_pickles(cloud: CloudStandIn) -> None:
    with pytest.raises(NotConnected, match="--ca does not go with an SDK"):
        connect(studio(cloud, KEY), ca=cloud.ca)
    with connect(studio(cloud, KEY)) as client, pytest.raises(TypeError, match="connect again") as caught:
        pickle.dumps(client)
    assert "s3cr3t" not in str(caught.value)


def test_a_message_that_repeats_its_key(cloud: CloudStandIn) -> None:
    def get(call: Call) -> Any:
        return message(call.id, done=True, description=f"for {call.metadata['authorization']}")

    cloud._get = get
    with connect(studio(cloud, KEY)) as client:
        assert client.get("a").description == f"for Api-Key {'(token)'.ljust(len(KEY), '*')}"


def test_a_renewal_by_the_hour(cloud: CloudStandIn) -> None:
    with connect(studio(cloud, OAuthTokenAuth(OAUTH))) as client:
        connection: Any = client.connection
        first = connection.metadata()
        connection._clock = lambda: time.time() + 3601
        connection.metadata()
        assert connection._renewal.ended_within(10)
        assert connection.metadata() != first
        assert connection._tokens.current[1] == Token(cloud.issued[1])
