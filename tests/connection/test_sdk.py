"""A user's own yandexcloud.SDK: with an interceptor, with endpoints, by its public names alone."""

from __future__ import annotations

import functools
import pickle
import socket
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import yandexcloud

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import sdk as sdk_module
from ds_ops_magic.connection.sdk import SdkConnection, StubConnection
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import AuthenticationError, NotConnected, OperationNotFound
from tests.support.certificates import Authority
from tests.support.following import QUICK, lasting, python, until
from tests.support.scripted import Call, ScriptedServer, message
from tests.support.sources import PublicSdk, sdk_of
from tests.support.stand_ins import CloudStandIn, ServiceAccountKey

SECRET = "t1.s3cr3t-t0ken"
Made = Callable[..., Any]


@pytest.fixture
def sdk(cloud: CloudStandIn) -> Made:
    """Make an SDK of that cloud."""
    cloud.accepted.add(SECRET)
    return functools.partial(sdk_of, cloud, iam_token=SECRET)


class Interceptor(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    def __init__(self) -> None:
        self.seen: list[str] = []

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        self.seen.append(details.method)
        return continuation(details, request)


def test_its_endpoints_roots_and_credentials(sdk: Made, cloud: CloudStandIn, log: pytest.LogCaptureFixture) -> None:
    interceptor = Interceptor()
    with connect(sdk(interceptor=interceptor)) as client:
        assert isinstance(client.connection, SdkConnection)
        assert client.connection.endpoint == cloud.address
        assert client.wait("a").done
        assert f"endpoint discovery at {cloud.address} gave 3 addresses" in log.messages
        shown = client.connection.identity + client.connection.source + repr(vars(client.connection)) + log.text
    assert SECRET not in shown
    assert not interceptor.seen  # it is for the calls of the SDK


def test_credentials_that_are_exchanged(cloud: CloudStandIn, key: ServiceAccountKey) -> None:
    cloud.audience = f"https://iam.{cloud.address}/iam/v1/tokens"  # the SDK keeps the port in it
    fields = {"id": key.id, "service_account_id": key.account, "private_key": key.pem}
    with connect(sdk_of(cloud, service_account_key=fields)) as client:
        assert client.wait("a").done
    assert len(cloud.issued) == 1


def test_endpoints_of_its_own(sdk: Made, authority: Authority) -> None:
    def get(call: Call) -> Any:
        return message(call.id, done=True, description="elsewhere")

    with ScriptedServer(get, credentials=authority.server("localhost")) as elsewhere:
        made = sdk(endpoints={"operation": f"localhost:{elsewhere.port}"})
        with connect(made) as client:
            assert client.connection.endpoint == f"localhost:{elsewhere.port}"
            assert client.wait("a").description == "elsewhere"


def test_its_public_names(sdk: Made, cloud: CloudStandIn) -> None:
    def get(call: Call) -> Any:
        if call.id == "unknown":
            call.refuse(grpc.StatusCode.NOT_FOUND, "no such operation")
        return message(call.id, done=call.number > 3)

    cloud._get = get
    interceptor = Interceptor()
    connection = connect(PublicSdk(sdk(interceptor=interceptor))).connection
    assert isinstance(connection, StubConnection)
    with OperationClient(connection, schedule=QUICK) as client:
        client.check()
        assert len(client.wait_all([f"op{number}" for number in range(40)], 20).succeeded) == 40
        with pytest.raises(OperationNotFound, match="no such operation"):
            client.get("unknown")
        cloud.accepted.clear()
        with pytest.raises(AuthenticationError, match="refused the credentials from the given SDK"):
            client.get("a")
    assert "/yandex.cloud.operation.OperationService/Get" in interceptor.seen


USED_BY_ITS_PUBLIC_NAMES = """
import sys
import grpc
from tests.support.following import QUICK, until
from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import sdk

class Sdk:
    def client(self, stub):
        return stub(grpc.insecure_channel(sys.argv[1]))

    def waiter(self):
        raise AssertionError

client = OperationClient(sdk.connect(Sdk()), schedule=QUICK)
watch = client.watch("a", *(f"o{number}" for number in range(40)))
until(lambda: watch.operations[0])
print("seen", flush=True)
sys.stdin.readline()
if sys.argv[2] == "close":
    client.close()
"""


@pytest.mark.parametrize("end", ["close", "exit"])
def test_calls_do_not_keep_python_from_exiting(end: str) -> None:
    def get(call: Call) -> Any:
        return message(call.id) if call.number == 1 and call.id == "a" else call.hang()

    with ScriptedServer(get) as server, python(USED_BY_ITS_PUBLIC_NAMES, server.address, end) as process:
        assert process.stdout.readline() == "seen\n"
        until(lambda: server.gets() >= 16)
        with lasting(0.0, 2.0):
            _, err = process.communicate("\n", timeout=20)
        assert (process.returncode, err) == (0, "")
        assert server.gets() <= 18  # a few calls at a time


@pytest.mark.parametrize("wrap", [lambda sdk: sdk, PublicSdk])
def test_it_is_not_pickled(wrap: Made, sdk: Made) -> None:
    with connect(wrap(sdk())) as client, pytest.raises(TypeError, match="connect again") as caught:
        pickle.dumps(client)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("ask", ["get", "wait", "cancel"])
def test_refused_credentials(ask: str, sdk: Made, cloud: CloudStandIn) -> None:
    cloud.accepted.clear()
    with connect(sdk()) as client:
        with lasting(0.0, 1.0), pytest.raises(AuthenticationError) as caught:
            getattr(client, ask)("a")
        assert client.connection.source in str(caught.value)
        assert SECRET not in str(caught.value)
    assert sum(cloud.server.calls.values()) == 2  # the SDK refreshes by itself: it was given one chance


@pytest.mark.parametrize("wrap", [lambda sdk: sdk, PublicSdk])
def test_silent_discovery(wrap: Made, environment: pytest.MonkeyPatch) -> None:
    environment.setattr(sdk_module, "DISCOVERY_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:  # and nobody answers
        threads = set(threading.enumerate())
        made = yandexcloud.SDK(iam_token=SECRET, endpoint=f"127.0.0.1:{listening.getsockname()[1]}")
        with lasting(0.0, 0.5), pytest.raises(NotConnected, match="endpoint discovery did not answer") as caught:
            connect(wrap(made))
        left = {thread.name for thread in set(threading.enumerate()) - threads}
    assert ("ds_ops_magic connecting" in left) is (wrap is PublicSdk)  # whose own call blocks without a limit
    assert SECRET not in str(caught.value)


def test_another_kind_of_sdk() -> None:
    class Sdk:
        def client(self) -> None: ...
        def waiter(self) -> None: ...

    with pytest.raises(NotConnected, match="it has no _channels") as caught:
        connect(Sdk())
    assert "Install yandexcloud" in str(caught.value)


def test_a_deceptive_endpoint(sdk: Made) -> None:
    with connect(sdk(endpoints={"operation": "a\u3164host\x1b[2J:1"})) as client:
        assert repr(client) == "<OperationClient of a\ufffdhost\ufffd[2J:1>"
        assert "to a\ufffdhost\ufffd[2J:1 as" in repr(client.connection)
