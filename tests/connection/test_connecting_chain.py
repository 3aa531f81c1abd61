"""Which credentials are used, in which order, what is said when none are accepted, and how long that takes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.credentials import Source
from ds_ops_magic.connection.tokens import NoToken, Token
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import NotConnected, ServiceUnavailable
from tests.support.certificates import Authority
from tests.support.following import lasting
from tests.support.scripted import ScriptedServer, message
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn, path_with

Connected = Callable[..., OperationClient]


@pytest.mark.parametrize(
    ("available", "used"),
    [
        ({"YC_IAM_TOKEN": "t1.iam", "YC_TOKEN": "y0_user", "metadata": "", "yc": ""}, "$YC_IAM_TOKEN"),
        ({"YC_IAM_TOKEN": " ", "YC_TOKEN": "y0_user", "YC_OAUTH_TOKEN": "t1.iam", "metadata": ""}, "$YC_TOKEN"),
        ({"YC_OAUTH_TOKEN": "t1.iam", "metadata": "", "yc": ""}, "$YC_OAUTH_TOKEN"),
        ({"metadata": "", "yc": ""}, "the metadata service at "),
        ({"yc": ""}, "yc iam create-token"),
    ],
)
def test_the_order_of_the_sources(
    available: dict[str, str],
    used: str,
    connected: Connected,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    yc: CommandLineStandIn,
    environment: pytest.MonkeyPatch,
) -> None:
    cloud.accepted.update(("t1.iam", "t1.yc", metadata.token))
    cloud.oauth.add("y0_user")
    yc.does("echo t1.yc")
    for name, value in available.items():
        environment.setenv(
            *{"metadata": ("YC_METADATA_ADDR", metadata.address), "yc": ("PATH", path_with(yc.folder))}.get(
                name, (name, value)
            )
        )
    for target in (None, "yandex"):
        connection = connected(target=target).connection
        assert connection.source.startswith(used)
        assert connection.rejected_sources == ()


def test_sources_that_are_refused_are_named_and_the_next_is_tried(
    connected: Connected,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    yc: CommandLineStandIn,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.has-run-out")
    environment.setenv("YC_TOKEN", "y0_unknown")
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    environment.setenv("PATH", path_with(yc.folder))
    yc.does("echo t1.yc")
    cloud.accepted.add("t1.yc")
    connection = connected().connection
    assert connection.source == "yc iam create-token"
    assert connection.rejected_sources == (
        "$YC_IAM_TOKEN: refused: UNAUTHENTICATED: bad token",
        "$YC_TOKEN: the token service (IAM) said UNAUTHENTICATED: OAuth token is invalid",
        f"the metadata service at {metadata.address}: refused: UNAUTHENTICATED: bad token",
    )


def test_when_none_is_accepted_each_is_named_in_order_with_what_it_said(
    connected: Connected, metadata: MetadataStandIn, yc: CommandLineStandIn, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.has-run-out")
    environment.setenv("YC_OAUTH_TOKEN", "y0_unknown")
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    metadata.hangs = True
    environment.setenv("PATH", path_with(yc.folder))
    yc.does("sleep 60")
    with lasting(0.0, 2.0), pytest.raises(NotConnected) as caught:
        connected(yandex.CONNECT_TIMEOUT)
    first, tried, hint = caught.value.args
    assert first.startswith("Not connected to Yandex Cloud: none of its credentials were accepted.")
    assert tried.split("; ")[:4] == [
        "$YC_IAM_TOKEN: refused: UNAUTHENTICATED: bad token",
        "$YC_TOKEN: unset or empty",
        "$YC_OAUTH_TOKEN: the token service (IAM) said UNAUTHENTICATED: OAuth token is invalid",
        f"the metadata service at {metadata.address}: no answer within 1.0 s",
    ]
    assert tried.split("; ")[4].startswith("yc iam create-token: no answer ")
    assert "--sa-key FILE" in hint


def test_one_source_that_was_named_is_the_only_one_tried(
    connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    cloud.accepted.add("t1.good")
    environment.setenv("YC_IAM_TOKEN", "t1.good")
    environment.setenv("MINE", "t1.bad")
    with pytest.raises(NotConnected) as caught:
        connected(token_env="MINE")
    assert caught.value.args[0] == "Not connected to Yandex Cloud by $MINE: refused: UNAUTHENTICATED: bad token."


class Scripted(Source):
    """A source that a test has written."""

    def __init__(self, name: str, give: Callable[[], Token]) -> None:
        self.name = self.identity = name
        self._give = give

    def fetch(self, cloud: Cloud, seconds: float) -> Token:
        return self._give()


def test_a_source_that_takes_its_time_keeps_its_place_and_does_not_keep_the_next_from_starting(
    cloud: CloudStandIn,
) -> None:
    cloud.accepted.update(("t1.first", "t1.second"))
    second_asked = threading.Event()

    def first() -> Token:
        if not second_asked.wait(15):
            raise NoToken("the second was not asked meanwhile")
        return Token("t1.first")

    def second() -> Token:
        second_asked.set()
        return Token("t1.second")

    sources = [Scripted("first", first), Scripted("second", second)]
    connection = yandex.connect(Cloud(cloud.address, cloud.ca.read_bytes()), sources, 20.0)
    assert connection.source == "first"


def test_what_is_accepted_at_once_is_the_only_one_asked(cloud: CloudStandIn) -> None:
    cloud.accepted.add("t1.first")
    asked: list[str] = []

    def second() -> Token:
        asked.append("second")
        return Token("t1.first")

    sources = [Scripted("first", lambda: Token("t1.first")), Scripted("second", second)]
    assert yandex.connect(Cloud(cloud.address, cloud.ca.read_bytes()), sources, 20.0).source == "first"
    assert not asked


def test_a_token_service_that_is_silent_is_waited_for_only_so_long(
    connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    cloud.hangs = True
    environment.setenv("YC_TOKEN", "y0_user")
    with lasting(0.0, 0.5), pytest.raises(NotConnected, match=r"\$YC_TOKEN: ") as caught:
        connected(0.5)
    assert "y0_user" not in str(caught.value)


def test_endpoint_discovery_that_is_silent(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.s3cr3t")
    with socket.create_server(("127.0.0.1", 0)) as listening:  # and nobody answers
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with lasting(0.0, 2.0), pytest.raises(NotConnected) as caught:
            connect(discovery=address)
    first, said, hint = caught.value.args
    assert first == f"Yandex Cloud's endpoint discovery at {address} did not answer."
    assert said.endswith("; the credentials would have been: $YC_IAM_TOKEN")
    assert "%op connect local" in hint


def test_where_the_services_are_is_said_by_a_variable_too(
    cloud: CloudStandIn, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    cloud.accepted.add("t1.good")
    environment.setenv("YC_IAM_TOKEN", "t1.good")
    environment.setenv("YC_ENDPOINT", cloud.address)
    with connect(ca=authority.ca) as client:
        assert client.connection.endpoint == cloud.address


def test_a_cloud_that_another_authority_vouches_for_is_not_trusted(
    cloud: CloudStandIn, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.s3cr3t")
    other = Authority(tmp_path, "another authority")
    with pytest.raises(NotConnected, match=r"(?i)certificate|handshake"):
        connect(discovery=cloud.address, ca=other.ca)
    assert not cloud.server.calls


def test_no_plaintext_even_to_a_cloud_on_loopback(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.s3cr3t")
    with (
        ScriptedServer(lambda call: message(call.id)) as plain,
        pytest.raises(NotConnected, match="endpoint discovery"),
    ):
        connect(discovery=plain.address)
    assert not plain.calls


@pytest.mark.parametrize("address", ["", "nowhere", "unix:", "http://a:1", "a b:1", "\x1b[2J:1"])
def test_discovery_that_gives_no_address(
    address: str, connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.s3cr3t")
    cloud.server.address = address
    with pytest.raises(NotConnected, match="names no address of the service 'operation'"):
        connected()


def test_an_operation_service_that_is_not_there(
    connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.s3cr3t")
    cloud.server.address = "localhost:1"
    with lasting(0.0, 2.0), pytest.raises(ServiceUnavailable, match="No answer from localhost:1"):
        connected(yandex.CONNECT_TIMEOUT)


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("local", {"discovery": "a"}, "--discovery does not go with local"),
        ("127.0.0.1:1", {"sa_key": "key.json"}, "--sa-key does not go with an address"),
        (None, {"sa_key": "key.json", "profile": "mine"}, "--profile and --sa-key exclude each other"),
        (None, {"ca": "/nowhere.pem"}, "cannot be read: No such file"),
        (None, {"ca": __file__}, "holds no certificate"),
        (None, {"discovery": "http://api.cloud.yandex.net"}, "asks for plaintext"),
        (None, {"discovery": "https://api.cloud.yandex.net"}, "is a URL"),
        (None, {"discovery": "unix:/socket"}, "is no host"),
        (None, {"discovery": "a b"}, "is no host"),
    ],
)
def test_options_that_make_no_sense(target: Any, options: dict[str, str], words: str) -> None:
    with pytest.raises(NotConnected) as caught:
        connect(target, **options)  # type: ignore[arg-type]
    assert words in str(caught.value)
