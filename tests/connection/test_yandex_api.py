"""Endpoint discovery, the token service and the operation service when they do not answer as they should."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.credentials import EnvironmentToken, KeyFile
from ds_ops_magic.connection.tokens import NoToken
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import NotConnected, ServiceUnavailable
from tests.support.certificates import Authority
from tests.support.following import lasting
from tests.support.scripted import ScriptedServer, message
from tests.support.sources import SECONDS, Connected
from tests.support.stand_ins import CloudStandIn, ServiceAccountKey


@pytest.fixture(autouse=True)
def token(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.s3cr3t")


def test_silent_discovery() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # and nobody answers
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with lasting(0.0, 2.0), pytest.raises(NotConnected) as caught:
            connect(discovery=address)
    first, said, hint = caught.value.args
    assert first == f"Yandex Cloud's endpoint discovery at {address} did not answer."
    assert said.endswith("; the credentials would have been: $YC_IAM_TOKEN")
    assert "%op connect local" in hint


@pytest.mark.parametrize("address", ["", "nowhere", "unix:", "http://a:1", "a b:1", "\x1b[2J:1"])
def test_discovery_without_an_address(address: str, connected: Connected, cloud: CloudStandIn) -> None:
    cloud.server.address = address
    with pytest.raises(NotConnected, match="names no address of the service 'operation'"):
        connected()


def test_a_certificate_of_another_authority(cloud: CloudStandIn, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority")
    with pytest.raises(NotConnected, match=r"(?i)certificate|handshake"):
        connect(discovery=cloud.address, ca=other.ca)
    assert not cloud.server.calls


def test_no_plaintext_on_loopback() -> None:
    with (
        ScriptedServer(lambda call: message(call.id)) as plain,
        pytest.raises(NotConnected, match="endpoint discovery"),
    ):
        connect(discovery=plain.address)
    assert not plain.calls


def test_no_operation_service(connected: Connected, cloud: CloudStandIn) -> None:
    cloud.server.address = "localhost:1"
    with lasting(0.0, 2.0), pytest.raises(ServiceUnavailable, match="No answer from localhost:1"):
        connected(yandex.CONNECT_TIMEOUT)


@pytest.mark.parametrize("named", ["sa_key", "oauth"])
def test_silent_token_service_of_a_source(
    named: str, cloud: CloudStandIn, key: ServiceAccountKey, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_TOKEN", "y0_of-a-user")
    cloud.hangs = True
    source = KeyFile(key.write(tmp_path / "key")) if named == "sa_key" else EnvironmentToken("YC_TOKEN", is_iam=False)
    asked = Cloud(cloud.address, cloud.ca.read_bytes())
    asked.discover(SECONDS)
    with lasting(0.0, SECONDS), pytest.raises(NoToken, match="DEADLINE_EXCEEDED"):
        source.fetch(asked, SECONDS)
