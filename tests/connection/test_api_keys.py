"""API keys: the last of the sources, in a header of their own, and what is said where a service takes none."""

from __future__ import annotations

import pickle
import threading
import traceback
from typing import Any

import grpc
import pytest

from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.credentials import ApiKey
from ds_ops_magic.connection.tokens import Token
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import AuthenticationError, NotConnected
from tests.support.following import lasting
from tests.support.scripted import Call, ScriptedServer, message
from tests.support.sources import Connected, ScriptedSource, connection_by
from tests.support.stand_ins import Clock, CloudStandIn, CommandLineStandIn, MetadataStandIn

KEY = "AQVN-s3cr3t-0123456789abcdefghijklmnopqr"
INSTEAD = "use YC_IAM_TOKEN, --sa-key or --profile"


@pytest.fixture(autouse=True)
def key(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("YC_API_KEY", f" {KEY}\n")


def test_the_last_of_the_sources(
    connected: Connected,
    cloud: CloudStandIn,
    machine: MetadataStandIn,
    program: CommandLineStandIn,
    environment: pytest.MonkeyPatch,
) -> None:
    cloud.api_keys.add(KEY)
    cloud.accepted.add("t1.yc")
    program.does("echo t1.yc")
    assert connected().connection.source.startswith("the metadata service")
    environment.setenv("YC_METADATA_ADDR", "127.0.0.1:1")
    assert connected().connection.source == "yc iam create-token"
    program.does("exit 1")
    client = connected()
    assert client.connection.source == "$YC_API_KEY"
    assert client.connection.identity == "the service account of the API key in $YC_API_KEY"
    assert client.connection.verified
    assert client.wait("a").done


@pytest.mark.usefixtures("program")
def test_a_given_variable_is_the_only_source(
    connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    cloud.api_keys.add("of-another-shape")
    cloud.accepted.add("t1.good")
    environment.setenv("YC_IAM_TOKEN", "t1.good")
    environment.setenv("MINE", "of-another-shape")
    assert connected(api_key_env="MINE").connection.source == "$MINE"
    environment.delenv("MINE")
    with pytest.raises(NotConnected, match=r"Not connected to Yandex Cloud by \$MINE: unset or empty"):
        connected(api_key_env="MINE")


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
def test_a_service_that_takes_none_is_named(
    code: grpc.StatusCode, connected: Connected, cloud: CloudStandIn, log: pytest.LogCaptureFixture
) -> None:
    cloud.server.get = lambda call: call.refuse(code, f"no Api-Key here: {KEY}")
    refusal = f"{cloud.address} does not take this API key ({code.name}: no Api-Key here: (token)): {INSTEAD}"
    for options, said in (
        ({"api_key_env": "YC_API_KEY"}, f"Not connected to Yandex Cloud by $YC_API_KEY: {refusal}."),
        ({}, f"; $YC_API_KEY: {refusal}."),
    ):
        with pytest.raises(NotConnected) as caught:
            connected(**options)
        assert said in str(caught.value)
        assert len(caught.value.args) <= 3
        assert "s3cr3t" not in "".join(traceback.format_exception(caught.value)) + log.text


def test_an_iam_token_without_a_role_is_accepted_as_before(
    connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    cloud.server.get = lambda call: call.refuse(grpc.StatusCode.PERMISSION_DENIED)
    environment.setenv("YC_IAM_TOKEN", "t1.good")
    assert connected().connection.source == "$YC_IAM_TOKEN"


def test_a_source_that_hangs_leaves_time_for_it(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    cloud.api_keys.add(KEY)
    environment.setattr(yandex, "_RESERVE", 15.0)
    hangs = threading.Event()

    def wait() -> Token:
        hangs.wait()
        return Token("too late")

    with lasting(4.0, 12.0):  # of 20 s in all
        connection = connection_by(cloud, ScriptedSource("yc", wait), ApiKey("YC_API_KEY"))
    hangs.set()
    assert connection.source == "$YC_API_KEY"
    assert connection.rejected_sources == ("yc: no answer in time",)


def test_it_does_not_expire_and_is_read_again_when_it_is_refused(
    connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    cloud.api_keys.add(KEY)
    client = connected()
    connection: Any = client.connection
    clock.now += 1e9
    connection._clock = clock
    assert connection.metadata() == (("authorization", f"Api-Key {KEY}"),)
    assert connection._renewal is None
    environment.setenv("YC_API_KEY", "another-one")
    cloud.api_keys = {"another-one"}
    assert client.get("a").id == "a"
    assert connection.metadata() == (("authorization", "Api-Key another-one"),)
    cloud.api_keys.clear()
    with pytest.raises(AuthenticationError) as caught:
        client.get("a")
    assert "refused the API key in $YC_API_KEY" in str(caught.value)
    assert all(name in str(caught.value) for name in ("YC_IAM_TOKEN", "--sa-key", "--profile"))
    environment.delenv("YC_API_KEY")
    with pytest.raises(AuthenticationError, match="refused the API key, and there is no fresh one"):
        client.get("a")
    assert b"another-one" not in pickle.dumps(client)


def test_at_an_address(environment: pytest.MonkeyPatch) -> None:
    accepted = {"opaque-s3cr3t"}

    def get(call: Call) -> Any:
        scheme, _, key = call.metadata["authorization"].partition(" ")
        if scheme != "Api-Key" or key not in accepted:
            call.refuse(grpc.StatusCode.UNAUTHENTICATED, f"what is {key}?")
        return message(call.id, done=True, description=f"for {key}")

    environment.setenv("MINE", "opaque-s3cr3t")
    with ScriptedServer(get) as server, connect(server.address, api_key_env="MINE") as client:
        assert client.connection.identity == "the service account of the API key in $MINE"
        client.check()
        assert client.wait("a").description == "for (token)******"
        accepted.clear()
        with pytest.raises(AuthenticationError) as caught:
            client.get("a")
        assert "refused the API key in $MINE: it is not valid there, or no API key is" in str(caught.value)
        assert "--iam-token-env" in str(caught.value)
        environment.setenv("MINE", "two words")
        with pytest.raises(AuthenticationError, match="set to what is no API key"):
            client.get("a")
        environment.setenv("MINE", "the-next")
        accepted.add("the-next")
        assert client.get("a").done
        assert b"the-next" not in pickle.dumps(client)
        assert "s3cr3t" not in f"{caught.value!r}{client!r}{vars(client.connection)!r}"
