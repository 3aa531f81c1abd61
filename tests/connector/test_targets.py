"""What may be named to connect to, the options that go with it, and an interrupt of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.connector import connect
from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import NotConnected
from tests.support.certificates import Authority
from tests.support.following import python
from tests.support.stand_ins import CloudStandIn


def test_an_address_and_a_connection() -> None:
    made = connect("127.0.0.1:1").connection
    assert isinstance(made, EndpointConnection)
    assert (made.endpoint, made.source) == ("127.0.0.1:1", "")
    assert connect(made).connection is made
    assert "127.0.0.1:1" in repr(made)


@pytest.mark.parametrize("target", ["nowhere", "a b:1", 7, object(), "\x1b[2J"])
def test_no_target(target: object) -> None:
    with pytest.raises(NotConnected, match="is nothing to connect to") as caught:
        connect(target)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://10.0.0.1:80", "grpc://operations.example.org:443/", "HTTP://[::]:1"])
def test_plaintext_to_another_host(address: str) -> None:
    with pytest.raises(NotConnected, match="anyone on the way could read the token") as caught:
        connect(address)
    assert f"%op connect {address.partition('://')[2].rstrip('/')}" in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:80", "https://10.0.0.1:80", "grpcs://a:1", "unix://tmp", "unix://"]
)
def test_a_url(address: str) -> None:
    with pytest.raises(NotConnected, match="is a URL, and an address is wanted: host:port or unix:/path") as caught:
        connect(address)
    scheme, _, rest = address.partition("://")
    assert f"%op connect {'unix:/' if scheme == 'unix' else ''}{rest}" in str(caught.value)


def test_a_unix_socket_with_three_slashes(tmp_path: Path) -> None:
    """As gRPC has it; and the history has one name for the place."""
    with LocalService(listen=f"unix:{tmp_path}/ops.sock") as service, connect(f"unix://{tmp_path}/ops.sock") as client:
        assert client.connection.endpoint == service.address == f"unix:{tmp_path}/ops.sock"
        assert client.wait(service.simulate(0)).done


def test_endpoint_discovery_of_the_environment(
    cloud: CloudStandIn, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    cloud.accepted.add("t1.good")
    environment.setenv("YC_IAM_TOKEN", "t1.good")
    environment.setenv("YC_ENDPOINT", cloud.address)
    with connect(ca=authority.ca) as client:
        assert client.connection.endpoint == cloud.address


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("local", {"discovery": "a"}, "--discovery does not go with local"),
        ("127.0.0.1:1", {"sa_key": "key.json"}, "--sa-key does not go with an address"),
        (SimpleNamespace(client=1, waiter=1), {"ca": "ca.pem"}, "--ca does not go with an SDK"),
        (None, {"sa_key": "key.json", "profile": "mine"}, "--profile and --sa-key exclude each other"),
        (None, {"api_key_env": "A", "token_env": "B"}, "--api-key-env and --iam-token-env exclude each other"),
        (None, {"api_key_env": "A", "profile": "B"}, "--api-key-env and --profile exclude each other"),
        ("127.0.0.1:1", {"api_key_env": "A", "token_env": "B"}, "--api-key-env and --iam-token-env exclude each other"),
        ("local", {"api_key_env": "A"}, "--api-key-env does not go with local"),
        (None, {"ca": __file__}, "holds no certificate"),
        (None, {"discovery": "http://api.cloud.yandex.net"}, "asks for plaintext"),
        (None, {"discovery": "https://api.cloud.yandex.net"}, "is a URL"),
        (None, {"discovery": "unix:/socket"}, "is no host"),
        (None, {"discovery": "a b"}, "is no host"),
    ],
)
def test_options_that_do_not_fit(target: Any, options: dict[str, str], words: str) -> None:
    with pytest.raises(NotConnected) as caught:
        connect(target, **options)  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_a_file_that_cannot_be_read(path: str) -> None:
    for target in ("127.0.0.1:1", "yandex"):
        with pytest.raises(
            NotConnected, match=r"^The certificates in '.*' cannot be read: that is no path\.$"
        ) as caught:
            connect(target, ca=path)
        assert str(caught.value).isprintable()
    with pytest.raises(NotConnected, match=r"the key in .*: it cannot be read: that is no path") as caught:
        connect(sa_key=path, discovery="127.0.0.1:1")
    assert "\0" not in str(caught.value)


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


@pytest.mark.parametrize(
    ("target", "options", "what"),
    [
        ("t1.iam.s3cr3t", {}, "to connect to"),
        (None, {"token_env": "t1.iam.s3cr3t"}, "for --iam-token-env"),
        (None, {"sa_key": "y0_oauth-s3cr3t"}, "for --sa-key"),
        (None, {"api_key_env": f"AQVN-s3cr3t{'x' * 29}"}, "for --api-key-env"),
        (f"AQVN-s3cr3t{'x' * 29}", {}, "to connect to"),
        (None, {"profile": "t1.yc.s3cr3t"}, "for --profile"),
    ],
)
def test_a_token_where_a_name_belongs(target: str | None, options: dict[str, Any], what: str) -> None:
    with pytest.raises(NotConnected, match=f"What was given {what} looks like a token or a key") as caught:
        connect(target, **options)
    assert "s3cr3t" not in str(caught.value)
    assert "to --api-key-env" in str(caught.value)


INTERRUPTED = """
import gc, os, random, signal, sys, threading
from tests.support.following import until
from ds_ops_magic import OperationsError, connect

signal.signal(signal.SIGALRM, signal.default_int_handler)
address, ca = sys.argv[1:]
random.seed(1)

def connected():
    return connect(discovery=address, ca=ca)

def left():
    gc.collect()
    return threading.active_count(), len(os.listdir("/proc/self/fd"))

def interrupt(seconds):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            connected()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return 1
    except OperationsError:  # connected, or not, before the alarm
        pass
    return 0

connected()
before = left()
interrupted = sum(interrupt(random.uniform(0.00001, 0.005)) for _ in range(100))
assert interrupted > 80, interrupted
until(lambda: left()[0] <= before[0] and left()[1] <= before[1], 20)
assert connected().connection.source
"""


def test_interrupts_while_connecting(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    cloud.accepted.add("t1.of-a-user")
    environment.setenv("YC_IAM_TOKEN", "t1.of-a-user")
    with python(INTERRUPTED, cloud.address, cloud.ca) as process:
        said, complaint = process.communicate(timeout=100)
    assert process.returncode == 0, said + complaint
