"""One question over plain HTTP: within a deadline and a limit, however slowly the answer comes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 64 * 1024
"""The most bytes that are read of an answer."""


def get(address: str, path: str, headers: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
    """Ask for a JSON object; never through a proxy.

    Args:
        address: Host, with a port where it is not 80.
        path: What to ask for.
        headers: What to send along.
        seconds: How long all of it may take, except finding the address of a host by its name.

    Returns:
        The HTTP status, and where that is 200 the body: as far as it is a whole JSON object, whatever the server goes
        on to send; else all of it, up to the limit.

    Raises:
        TimeoutError: It took too long.
        OSError, http.client.HTTPException, ValueError, OverflowError: It cannot be asked, or answers no HTTP.
    """
    with contextlib.closing(_Connection(address, time.monotonic() + seconds)) as connection:
        connection.request("GET", path, headers=dict(headers))
        with connection.getresponse() as answer:
            return answer.status, _body(answer) if answer.status == http.client.OK else b""


def _body(answer: http.client.HTTPResponse) -> bytes:
    said = bytearray()
    while len(said) < LIMIT and (part := answer.read1(LIMIT - len(said))):
        said += part
        if b"}" in part and (found := _object_at_the_start(said)):
            return found
    return bytes(said)


def _object_at_the_start(data: bytearray) -> bytes:
    text = data.decode(errors="replace").lstrip()
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):  # it is not whole, or none
        return b""
    return text[:end].encode() if isinstance(found, dict) else b""


class _Connection(http.client.HTTPConnection):
    """A connection whose calls share one deadline, on the monotonic clock."""

    def __init__(self, address: str, deadline: float) -> None:
        super().__init__(address)
        self._deadline = deadline

    def connect(self) -> None:
        """Connect to the first of the host's addresses that can be reached."""
        trouble = OSError("no address")
        for family, kind, protocol, _, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            made = _Socket(family, kind, protocol)
            made.deadline = self._deadline
            try:
                made.settimeout(_left(self._deadline))
                made.connect(place)
            except OSError as error:
                made.close()
                trouble = error
            else:
                self.sock = made
                return
        raise trouble


class _Socket(socket.socket):
    deadline: float

    def recv_into(self, *args: Any) -> int:
        self.settimeout(_left(self.deadline))
        return super().recv_into(*args)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
