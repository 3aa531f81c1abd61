"""What is an address, and which are on this host."""

from __future__ import annotations

import pytest

from ds_ops_magic.connection.addresses import is_address, is_on_this_host


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
def test_which_are_on_this_host(address: str, expected: bool) -> None:
    assert is_on_this_host(address) is expected
