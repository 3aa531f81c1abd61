"""Connections to an address: plaintext, TLS, and the token that is read from a variable."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.connector import connect
from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import AuthenticationError, ServiceUnavailable
from tests.support.certificates import Authority
from tests.support.following import client_of, lasting, python
from tests.support.scripted import Call, ScriptedServer, message

SECRET = "t1.s3cr3t-t0ken"


def with_token(call: Call) -> Any:
    """Answer with whether the token came, in the description."""
    came = {None: "no token", f"Bearer {SECRET}": "the token"}
    return message(call.id, done=True, description=came[call.metadata.get("authorization")])


def test_plaintext_on_this_host(tmp_path: Path) -> None:
    with ScriptedServer(with_token) as server:
        for address in (server.address, f"localhost:{server.port}"):
            with client_of(address) as client:
                assert client.get("a").description == "no token"
    with LocalService(listen=f"unix:{tmp_path}/ops.sock") as service, client_of(service.address) as client:
        assert client.get(service.simulate(0).id).done


def test_no_proxy_for_plaintext(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    with socket.create_server(("127.0.0.1", 0)) as proxy, ScriptedServer(with_token) as server:
        for name in ("grpc_proxy", "https_proxy", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with client_of(server, token_env="TOKEN") as client:
            assert client.get("a").description == "the token"
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            proxy.accept()


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[ScriptedServer]:
    with ScriptedServer(with_token, credentials=authority.server("127.0.0.1", "localhost")) as server:
        yield server


def test_tls_with_a_given_authority(
    tls_server: ScriptedServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    with connect(tls_server.address, ca=authority.ca, token_env="TOKEN") as client:
        client.check()
        assert client.wait("a").description == "the token"
        assert client.connection.identity == "the bearer of $TOKEN"
        assert log.records[0].getMessage() == f"will connect to {tls_server.address} as the bearer of $TOKEN"
        assert SECRET not in repr(vars(client)) + repr(client.connection) + log.text


def test_tls_of_another_authority(tls_server: ScriptedServer, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority")
    with client_of(tls_server, ca=other.ca, connect_timeout=0.5) as client, lasting(0.0, 2.0):
        with pytest.raises(ServiceUnavailable, match=r"(?i)certificate|handshake") as caught:
            client.get("a")
        assert tls_server.address in str(caught.value)
    assert not tls_server.calls


def test_plaintext_to_tls_and_tls_to_plaintext(tls_server: ScriptedServer, authority: Authority) -> None:
    with client_of(tls_server, connect_timeout=0.5) as client, pytest.raises(ServiceUnavailable, match="No answer"):
        client.get("a")
    with (
        ScriptedServer(with_token) as plain,
        client_of(plain, ca=authority.ca, connect_timeout=0.5) as client,
        pytest.raises(ServiceUnavailable, match="speaks plaintext"),
    ):
        client.get("a")
    assert not tls_server.calls
    assert not plain.calls


def test_importing_the_client_does_not_import_grpc() -> None:
    with python("import sys, ds_ops_magic.client; print({'grpc', 'yandexcloud'} & {*sys.modules})") as process:
        assert process.communicate(timeout=60) == ("set()\n", "")


def test_a_refused_token_is_read_again(monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("TOKEN", f" {SECRET}\n")  # as a file read by a shell gives it
    connection = EndpointConnection("127.0.0.1:1", token_env="TOKEN")
    assert connection.metadata() == (("authorization", f"Bearer {SECRET}"),)
    with pytest.raises(AuthenticationError, match=r"refused the token in \$TOKEN") as caught:
        connection.refresh(0)
    monkeypatch.setenv("TOKEN", "t1.fresh")
    connection.refresh(0)
    assert connection.token_generation == 1
    assert connection.metadata() == (("authorization", "Bearer t1.fresh"),)
    connection.refresh(0)  # another one is in use already
    assert connection.token_generation == 1
    monkeypatch.delenv("TOKEN")
    with pytest.raises(AuthenticationError, match=r"\$TOKEN is unset") as later:
        connection.refresh(1)
    assert log.messages == ["took another token from $TOKEN"]
    assert SECRET not in str(caught.value) + str(later.value)


def test_no_refresh_without_a_token() -> None:
    connection = EndpointConnection("127.0.0.1:1")
    assert connection.metadata() == ()
    with pytest.raises(AuthenticationError, match="wants credentials, and none were given") as caught:
        connection.refresh(0)
    assert "--iam-token-env NAME" in str(caught.value)


def test_a_pickle_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
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
