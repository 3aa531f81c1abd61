"""Connections to an address, and to the service of this process: plaintext and TLS."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ds_ops_magic import local
from ds_ops_magic.connector import connect
from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import ServiceUnavailable
from tests.support.certificates import Authority
from tests.support.following import client_of, lasting
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
    tls_server: ScriptedServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    with connect(tls_server.address, ca=authority.ca, token_env="TOKEN") as client:
        client.check()
        assert client.wait("a").description == "the token"
        assert client.connection.identity == "the bearer of $TOKEN"
        assert SECRET not in repr(vars(client)) + repr(client.connection)


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


def test_importing_the_connection_does_not_import_grpc() -> None:
    code = "import sys, ds_ops_magic.client; assert not {'grpc', 'yandexcloud'} & set(sys.modules)"
    home = Path(local.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
