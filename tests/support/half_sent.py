"""A client that speaks HTTP/2 by hand, so that it can send half of a request."""

from __future__ import annotations

import contextlib
import socket
import struct

DATA, HEADERS, RESET, SETTINGS = 0x0, 0x1, 0x3, 0x4
END_STREAM, END_HEADERS = 0x1, 0x4
MAX_CONCURRENT_STREAMS = 3


class HalfSent:
    """A connection to a local service, ``unix:PATH`` or ``HOST:PORT``."""

    def __init__(self, address, token=None):
        self._token = token
        self._next = 1
        if address.startswith("unix:"):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            self._socket = socket.create_connection((host, int(port)))
        self._socket.settimeout(20)
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b""))

    def begin(self, method="Get", service="yandex.cloud.operation.OperationService"):
        """Send the headers of a call, and return the number of its stream."""
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": f"/{service}/{method}",
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token}"
        stream, self._next = self._next, self._next + 2
        block = b"".join(b"\x00" + text(name) + text(value) for name, value in headers.items())
        self._socket.sendall(frame(HEADERS, END_HEADERS, stream, block))
        return stream

    def send(self, stream, message, end=True):
        self._socket.sendall(frame(DATA, END_STREAM if end else 0, stream, message))

    def frames(self):
        while True:
            header = self._receive(9)
            size, kind, flags, stream = struct.unpack("!I", b"\x00" + header[:3])[0], header[3], header[4], header[5:]
            yield kind, flags, struct.unpack("!I", stream)[0], self._receive(size)

    def end_of(self, stream):
        """Wait until the server ends a stream, and return the kinds of the frames of its answer."""
        kinds = []
        for kind, flags, number, _ in self.frames():
            if number == stream and kind in (DATA, HEADERS, RESET):  # a window may be updated at any moment
                kinds.append(kind)
                if kind == RESET or flags & END_STREAM:
                    return kinds
        raise AssertionError("the connection was closed")

    def settings(self):
        for kind, flags, _, payload in self.frames():
            if kind == SETTINGS and not flags:
                return dict(struct.iter_unpack("!HI", payload))
        raise AssertionError("the connection was closed")

    def close(self):
        self._socket.close()

    def _receive(self, size):
        received = b""
        while len(received) < size:
            more = self._socket.recv(size - len(received))
            assert more, "the connection was closed"
            received += more
        return received


def frame(kind, flags, stream, payload):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def text(value):
    raw = value.encode()
    assert len(raw) < 127
    return bytes([len(raw)]) + raw


@contextlib.contextmanager
def half_sent(address, connections, calls, token=None):
    """Begin so many calls on each of several connections, and end none of them."""
    opened = []
    try:
        for _ in range(connections):
            opened.append(HalfSent(address, token))
            for _ in range(calls):
                opened[-1].begin()
        yield opened
    finally:
        for connection in opened:
            connection.close()
