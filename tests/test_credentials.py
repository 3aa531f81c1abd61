"""Credentials: from a variable, from an SDK, from the environment; refreshed, and never shown."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from certificates import Authority
from following import client_of, lasting
from scripted import Call, ScriptedServer, message

from ds_ops_magic.client import connect
from ds_ops_magic.connection import EndpointConnection, SdkConnection, connection_to
from ds_ops_magic.errors import AuthenticationError, NotConnected

SECRET = "t1.s3cr3t-t0ken"


def with_token(call: Call) -> Any:
    """Answer with the token that came, in the description."""
    return message(call.id, done=True, description=call.metadata.get("authorization", "no token"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[ScriptedServer]:
    with ScriptedServer(with_token, credentials=authority.server("127.0.0.1", "localhost")) as server:
        yield server


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "unset or empty"),
        ("", "unset or empty"),
        (" \n", "unset or empty"),
        ("a\nb", "no token"),
        ("т", "no token"),
    ],
)
def test_a_variable_without_a_token(value: str | None, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("TOKEN", value)
    for target in ("127.0.0.1:1", "yandex"):
        with pytest.raises(NotConnected, match=r"\$TOKEN") as caught:
            connect(target, token_env="TOKEN")
        assert why in str(caught.value)


def test_a_token_is_read_again_when_it_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", f" {SECRET}\n")  # as a file read by a shell gives it
    connection = EndpointConnection("127.0.0.1:1", token_env="TOKEN")
    assert connection.metadata() == (("authorization", f"Bearer {SECRET}"),)
    with pytest.raises(AuthenticationError, match=r"refused the token in \$TOKEN") as caught:
        connection.refresh()
    monkeypatch.setenv("TOKEN", "t1.fresh")
    connection.refresh()
    assert connection.metadata() == (("authorization", "Bearer t1.fresh"),)
    monkeypatch.delenv("TOKEN")
    with pytest.raises(AuthenticationError, match=r"\$TOKEN is unset") as later:
        connection.refresh()
    assert SECRET not in str(caught.value) + str(later.value)


def test_credentials_that_were_never_given_cannot_be_refreshed() -> None:
    connection = EndpointConnection("127.0.0.1:1")
    assert connection.metadata() == ()
    with pytest.raises(AuthenticationError, match="wants credentials, and none were given") as caught:
        connection.refresh()
    assert "--iam-token-env NAME" in str(caught.value)


def test_a_pickle_holds_no_token_and_finds_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)

    def get(call: Call) -> Any:
        if call.metadata.get("authorization") != f"Bearer {SECRET}":
            call.refuse(grpc.StatusCode.UNAUTHENTICATED)
        return message(call.id, done=True)

    with ScriptedServer(get) as server:
        with client_of(server, token_env="TOKEN", rate=7.0) as client:
            assert client.get("a").done
            pickled = pickle.dumps(client)
        assert SECRET.encode() not in pickled
        with pickle.loads(pickled) as again:  # noqa: S301  # our own
            assert again.wait("b").done
            assert repr(again) == repr(client)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_sdk_brings_its_endpoints_roots_and_credentials(tls_server: ScriptedServer, authority: Authority) -> None:
    import yandexcloud

    tls_server.address = f"localhost:{tls_server.port}"
    sdk = yandexcloud.SDK(iam_token=SECRET, endpoint=tls_server.address, root_certificates=authority.certificate)
    with connect(sdk) as client:
        assert isinstance(client.connection, SdkConnection)
        assert client.connection.endpoint == tls_server.address
        assert client.wait("a").description == f"Bearer {SECRET}"
        assert SECRET not in client.connection.identity + client.connection.source


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("ask", ["get", "wait", "cancel"])
def test_an_sdk_whose_credentials_are_refused(ask: str, authority: Authority) -> None:
    import yandexcloud

    def refuse(call: Call) -> Any:
        call.refuse(grpc.StatusCode.UNAUTHENTICATED, "expired")

    with ScriptedServer(refuse, refuse, credentials=authority.server("localhost")) as server:
        server.address = f"localhost:{server.port}"
        sdk = yandexcloud.SDK(iam_token=SECRET, endpoint=server.address, root_certificates=authority.certificate)
        with connect(sdk) as client:
            with lasting(0.0, 1.0), pytest.raises(AuthenticationError) as caught:
                getattr(client, ask)("a")
            assert client.connection.source in str(caught.value)
            assert SECRET not in str(caught.value)
        assert sum(server.calls.values()) == 2  # the SDK refreshes by itself: it was given one chance


def test_an_sdk_whose_cloud_is_not_there() -> None:
    import yandexcloud

    with socket.create_server(("127.0.0.1", 0)) as listening:  # and nobody answers
        sdk = yandexcloud.SDK(iam_token=SECRET, endpoint=f"127.0.0.1:{listening.getsockname()[1]}")
        with lasting(0.0, 4.0), pytest.raises(NotConnected, match="endpoint discovery did not answer") as caught:
            connect(sdk)
    assert SECRET not in str(caught.value)


@pytest.mark.filterwarnings("ignore:The 'token' argument")
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"YC_IAM_TOKEN": SECRET, "YC_TOKEN": SECRET, "YC_OAUTH_TOKEN": SECRET}, "an IAM token from $YC_IAM_TOKEN"),
        ({"YC_IAM_TOKEN": " ", "YC_TOKEN": SECRET, "YC_OAUTH_TOKEN": "y0_o"}, "an IAM token from $YC_TOKEN"),
        ({"YC_TOKEN": "y0_o", "YC_OAUTH_TOKEN": SECRET}, "an OAuth token from $YC_TOKEN"),
        ({"YC_OAUTH_TOKEN": "y0_o"}, "an OAuth token from $YC_OAUTH_TOKEN"),
        ({}, "the service account of this machine"),
    ],
)
def test_the_credentials_of_the_environment_in_their_order(
    variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("YC_IAM_TOKEN", "YC_TOKEN", "YC_OAUTH_TOKEN", "no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("grpc_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")
    for target in (None, "yandex"):
        with pytest.raises(NotConnected) as caught:  # the only way to the cloud is a proxy that is not there
            connection_to(target)
        assert f"endpoint discovery did not answer with {words}" in str(caught.value)
        assert SECRET not in str(caught.value)


def test_an_sdk_of_another_make_is_refused_in_words() -> None:
    class Sdk:
        def client(self) -> None: ...
        def waiter(self) -> None: ...

    with pytest.raises(NotConnected, match="it has no _channels") as caught:
        connect(Sdk())
    assert "Install yandexcloud" in str(caught.value)
