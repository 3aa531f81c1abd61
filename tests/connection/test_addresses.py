"""What is an address, and which are on this host."""

from __future__ import annotations

import pytest

from ds_ops_magic.connection.addresses import is_address, is_on_this_host

HERE = ["127.0.0.1:443", "127.8.9.10:443", "[::1]:50051", "localhost:1", "unix:/tmp/ops.sock", "unix:///tmp/ops.sock"]
ELSEWHERE = [
    "127.0.0.1.example.org:443",
    "localhost.example.org:443",
    "notlocalhost:443",
    "10.0.0.1:443",
    "0.0.0.0:443",
    "[::]:443",
    "[2001:db8::1]:443",
    "operation.api.cloud.yandex.net:443",
]
OTHER_TEXTS = [
    "",
    "local",
    "host",
    ":443",
    "host:",
    "host:https",
    "dns:///host:1",
    "unix:relative",
    "unix://tmp/ops.sock",
]
HOSTILE = ["a host:1", "host\n:1", "\x1b[2J:1", "a\u3164host:1", "host" + "\u0301" * 50 + ":1"]


@pytest.mark.parametrize("text", [*HERE, *ELSEWHERE, *OTHER_TEXTS, *HOSTILE])
def test_what_is_an_address(text: str) -> None:
    assert is_address(text) is (text in (*HERE, *ELSEWHERE))


@pytest.mark.parametrize("address", [*HERE, *ELSEWHERE])
def test_which_are_on_this_host(address: str) -> None:
    assert is_on_this_host(address) is (address in HERE)
