"""Where a service may listen."""

from __future__ import annotations

import os

import pytest

from ds_ops_magic.local import addresses
from ds_ops_magic.model.errors import OperationsError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.8.9.10:80", "127.8.9.10:80"),
        ("localhost:65535", "127.0.0.1:65535"),
        ("[::1]:5", "[::1]:5"),
        ("unix:/tmp/x.sock", "unix:/tmp/x.sock"),
        ("unix:///tmp/x.sock", "unix:/tmp/x.sock"),
        ("unix:x.sock", f"unix:{os.getcwd()}/x.sock"),
    ],
)
def test_loopback_and_unix_sockets(given, expected):
    assert addresses.check(given) == expected


@pytest.mark.parametrize(
    "given",
    ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "example.com:80", "localhost.example.com:80", "dns:///x:80", "*:80"],
)
def test_other_machines(given):
    with pytest.raises(ValueError, match="neither loopback nor unix:PATH"):
        addresses.check(given)


@pytest.mark.parametrize(
    "given", ["", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "localhost:٣"]
)
def test_invalid_addresses(given):
    with pytest.raises(ValueError, match="HOST:PORT or unix:PATH"):
        addresses.check(given)


@pytest.mark.parametrize("given", ["unix:", "unix:/" + "x" * 200, "unix:/tmp/a\0b"])
def test_invalid_socket_paths(given):
    with pytest.raises(ValueError, match="path of a unix socket"):
        addresses.check(given)


@pytest.mark.parametrize(
    ("path", "why"), [("file", "there is a file of another kind"), ("no/x.sock", "No such file or directory")]
)
def test_unusable_sockets(tmp_path, path, why):
    (tmp_path / "file").touch()
    with pytest.raises(OperationsError, match=f"Cannot listen on .*: {why}"):
        addresses.check_free(f"unix:{tmp_path}/{path}")
