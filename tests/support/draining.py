"""A port that accepts every connection and sends it away at once, as a proxy does that is being shut down."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

_SETTINGS, _GOAWAY = 4, 7  # types of HTTP/2 frames (RFC 9113, section 6)


def _frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, 0]) + bytes(4) + payload


class DrainingProxy:
    """Listens on a port of loopback until it is closed, and counts the connections that have come."""

    def __init__(self, port: int) -> None:
        self.connections = 0
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> DrainingProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # else it listens on while a thread is in accept()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._send_away, args=(connection,), daemon=True).start()

    def _send_away(self, connection: socket.socket) -> None:
        no_stream_no_error = bytes(8)
        with connection, contextlib.suppress(OSError):
            connection.sendall(_frame(_SETTINGS) + _frame(_GOAWAY, no_stream_no_error))
            connection.settimeout(2.0)
            while connection.recv(4096):
                pass
