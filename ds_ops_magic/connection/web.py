"""One GET request over plain HTTP, within a time limit and a size limit, however slowly the answer comes."""

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


def get(address: str, path: str, headers: Mapping[str, str], timeout: float) -> tuple[int, bytes]:
    """Request a JSON object, never through a proxy; return the HTTP status, and the body where that is 200.

    The body is read as far as it is a whole JSON object, whatever the server goes on to send; else all of it, up to the
    limit. The timeout, in seconds, is for all of it, except for finding the address of a host by its name.

    Raises:
        TimeoutError: It took too long.
        OSError, http.client.HTTPException, ValueError, OverflowError: There is no such host, or no HTTP answer.
    """
    with contextlib.closing(_Connection(address, time.monotonic() + timeout)) as connection:
        connection.request("GET", path, headers=dict(headers))
        with connection.getresponse() as response:
            return response.status, _read_body(response) if response.status == http.client.OK else b""


def _read_body(response: http.client.HTTPResponse) -> bytes:
    body = bytearray()
    while len(body) < LIMIT and (part := response.read1(LIMIT - len(body))):
        body += part
        if b"}" in part and (found := _leading_object(body)):
            return found
    return bytes(body)


def _leading_object(data: bytearray) -> bytes:
    text = data.decode(errors="replace").lstrip()
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):  # it is not whole, or none
        return b""
    return text[:end].encode() if isinstance(found, dict) else b""


class _Connection(http.client.HTTPConnection):
    """A connection whose socket operations share one deadline, on the monotonic clock."""

    def __init__(self, address: str, deadline: float) -> None:
        super().__init__(address)
        self._deadline = deadline

    def connect(self) -> None:
        """Connect to the first of the host's addresses that can be reached."""
        last_error = OSError("no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            sock = _Socket(family, kind, protocol)
            sock.deadline = self._deadline
            try:
                sock.settimeout(_time_left(self._deadline))
                sock.connect(address)
            except OSError as error:
                sock.close()
                last_error = error
            else:
                self.sock = sock
                return
        raise last_error


class _Socket(socket.socket):
    deadline: float

    def recv_into(self, *args: Any) -> int:
        self.settimeout(_time_left(self.deadline))
        return super().recv_into(*args)


def _time_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
