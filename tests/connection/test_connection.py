"""Connections: what may be connected to, plaintext and TLS, tokens, and what a connection holds on to."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ds_ops_magic import local
from ds_ops_magic.connection.addresses import is_address, is_on_this_host
from ds_ops_magic.connection.connection import EndpointConnection, LocalConnection
from ds_ops_magic.connector import connect
from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import NotConnected, OperationNotFound, ServiceUnavailable
from ds_ops_magic.model.operation import Status
from tests.support.certificates import Authority
from tests.support.following import client_of, lasting
from tests.support.scripted import Call, ScriptedServer, message

SECRET = "t1.s3cr3t-t0ken"
UNREADABLE = [
    ("/nowhere.pem", "No such file"),
    ("/", "Is a directory"),
    ("~nobody-of-that-name/x.pem", "nobody has that home folder"),
    ("a\0b", "that is no path"),
    ("\ud800", "that is no path"),
]


def with_token(call: Call) -> Any:
    """Answer with whether the token came, in the description."""
    came = {None: "no token", f"Bearer {SECRET}": "the token"}
    return message(call.id, done=True, description=came[call.metadata.get("authorization")])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:1", True),
        ("127.0.0.1:443", True),
        ("[::1]:50051", True),
        ("operation.api.cloud.yandex.net:443", True),
        ("unix:/tmp/ops.sock", True),
        ("dns:///host:1", False),
        ("unix:relative", False),
        ("unix:///tmp/ops.sock", True),
        ("unix://tmp/ops.sock", False),
        ("local", False),
        ("host", False),
        (":443", False),
        ("host:", False),
        ("host:https", False),
        ("a host:1", False),
        ("host\n:1", False),
        ("\x1b[2J:1", False),
        ("a\u3164host:1", False),
        ("host" + "\u0301" * 50 + ":1", False),
        ("", False),
    ],
)
def test_what_is_an_address(text: str, expected: bool) -> None:
    assert is_address(text) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:443", True),
        ("127.8.9.10:443", True),
        ("[::1]:443", True),
        ("localhost:443", True),
        ("unix:/tmp/ops.sock", True),
        ("127.0.0.1.example.org:443", False),
        ("localhost.example.org:443", False),
        ("notlocalhost:443", False),
        ("10.0.0.1:443", False),
        ("0.0.0.0:443", False),
        ("[::]:443", False),
        ("[2001:db8::1]:443", False),
        ("operation.api.cloud.yandex.net:443", False),
    ],
)
def test_what_stays_on_this_host(address: str, expected: bool) -> None:
    assert is_on_this_host(address) is expected


def test_connecting_by_what_a_user_names() -> None:
    made = connect("127.0.0.1:1").connection
    assert isinstance(made, EndpointConnection)
    assert (made.endpoint, made.source) == ("127.0.0.1:1", "")
    assert connect(made).connection is made
    assert "127.0.0.1:1" in repr(made)


@pytest.mark.parametrize("target", ["nowhere", "a b:1", 7, object(), "\x1b[2J"])
def test_what_cannot_be_connected_to(target: object) -> None:
    with pytest.raises(NotConnected, match="is nothing to connect to") as caught:
        connect(target)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://10.0.0.1:80", "grpc://operations.example.org:443/", "HTTP://[::]:1"])
def test_plaintext_to_anywhere_else_is_refused_with_the_reason(address: str) -> None:
    with pytest.raises(NotConnected, match="anyone on the way could read the token") as caught:
        connect(address)
    assert f"%op connect {address.partition('://')[2].rstrip('/')}" in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:80", "https://10.0.0.1:80", "grpcs://a:1"])
def test_a_url_is_no_address(address: str) -> None:
    with pytest.raises(NotConnected, match="is a URL, and an address is wanted"):
        connect(address)


@pytest.mark.parametrize("address", ["unix://tmp/ops.sock", "unix://"])
def test_a_unix_socket_is_named_by_its_whole_path(address: str) -> None:
    with pytest.raises(NotConnected, match="is a URL, and an address is wanted") as caught:
        connect(address)
    assert "unix:/path" in str(caught.value)
    assert "%op connect unix:/" in str(caught.value)


def test_three_slashes_before_a_path_are_one(tmp_path: Path) -> None:
    """As gRPC has it; and the history has one name for the place."""
    with LocalService(listen=f"unix:{tmp_path}/ops.sock") as service, connect(f"unix://{tmp_path}/ops.sock") as client:
        assert client.connection.endpoint == service.address == f"unix:{tmp_path}/ops.sock"
        assert client.wait(service.simulate(0)).done


def test_plaintext_on_this_host(tmp_path: Path) -> None:
    with ScriptedServer(with_token) as server:
        for address in (server.address, f"localhost:{server.port}"):
            with client_of(address) as client:
                assert client.get("a").description == "no token"
    with LocalService(listen=f"unix:{tmp_path}/ops.sock") as service, client_of(service.address) as client:
        assert client.get(service.simulate(0).id).done


def test_plaintext_does_not_leave_this_host_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
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
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[ScriptedServer]:
    with ScriptedServer(with_token, credentials=authority.server("127.0.0.1", "localhost")) as server:
        yield server


def test_tls_with_a_certificate_authority_of_ones_own(
    tls_server: ScriptedServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    with connect(tls_server.address, ca=authority.ca, token_env="TOKEN") as client:
        client.check()
        assert client.wait("a").description == "the token"
        assert client.connection.identity == "the bearer of $TOKEN"
        assert SECRET not in repr(vars(client)) + repr(client.connection)


def test_another_authority_is_not_trusted_and_grpc_says_so(tls_server: ScriptedServer, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority")
    with client_of(tls_server, ca=other.ca, connect_timeout=0.5) as client, lasting(0.0, 2.0):
        with pytest.raises(ServiceUnavailable, match=r"(?i)certificate|handshake") as caught:
            client.get("a")
        assert tls_server.address in str(caught.value)
    assert not tls_server.calls


def test_plaintext_to_tls_and_tls_to_plaintext_do_not_connect(tls_server: ScriptedServer, authority: Authority) -> None:
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


@pytest.mark.parametrize(("path", "why"), UNREADABLE)
def test_certificates_that_cannot_be_read(path: str, why: str) -> None:
    for target in ("127.0.0.1:1", "yandex"):
        with pytest.raises(NotConnected, match=f"^The certificates in '.*' cannot be read: {why}") as caught:
            connect(target, ca=path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(("path", "why"), UNREADABLE)
def test_a_key_that_cannot_be_read(path: str, why: str) -> None:
    with pytest.raises(NotConnected, match=f"the key in .*: it cannot be read: {why}") as caught:
        connect(sa_key=path, discovery="127.0.0.1:1")
    assert "\0" not in str(caught.value)


@pytest.fixture
def local_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DS_OPS_MAGIC_LOCAL_DB", str(tmp_path / "ops.sqlite"))
    yield
    local.close_shared()


@pytest.mark.usefixtures("local_database")
def test_closing_clients_leaves_the_local_service_and_its_work_alone() -> None:
    go_on = threading.Event()
    first, second = connect("local"), connect("local")
    assert isinstance(first.connection, LocalConnection)
    service = first.connection.service
    assert service is second.connection.service is local.shared()
    job = service.submit(go_on.wait, 20)
    for client in (first, first, second):
        client.close()
    assert local.shared() is service
    go_on.set()
    with connect("local") as third:
        assert third.wait(job).status is Status.SUCCEEDED
        with pytest.raises(OperationNotFound):
            third.get("nothing")


@pytest.mark.usefixtures("local_database")
def test_stopping_the_local_service_is_asked_for() -> None:
    with connect("local") as client:
        assert isinstance(client.connection, LocalConnection)
        place = Path(client.connection.endpoint.removeprefix("unix:"))
        assert place.exists()
        client.connection.stop_service()
        assert not place.exists()


@pytest.mark.usefixtures("local_database")
def test_a_local_client_can_be_pickled() -> None:
    with connect("local") as client:
        operation = client.connection.service.simulate(0)
        with pickle.loads(pickle.dumps(client)) as again:  # noqa: S301  # our own
            assert again.wait(operation).done


def test_importing_the_connection_does_not_import_grpc() -> None:
    code = "import sys, ds_ops_magic.client; assert not {'grpc', 'yandexcloud'} & set(sys.modules)"
    home = Path(local.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
