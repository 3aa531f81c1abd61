"""A TCP proxy on loopback whose connections can fall silent, as those do whose packets a network drops."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Passes bytes on between clients and the server on a port, until `drop` is called."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self._open: list[socket.socket] = []
        self._dropping = False
        self._silent = threading.Event()  # set for the connections that have fallen silent
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def drop(self) -> None:
        """Drop all that comes over the connections there are, for good, and over new ones until `restore`."""
        self._dropping = True
        self._silent.set()

    def restore(self) -> None:
        """Serve new connections again; those that have fallen silent stay so."""
        self._silent = threading.Event()
        self._dropping = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(client)
            if not self._dropping:
                server = socket.create_connection(("127.0.0.1", self._port))
                self._open.append(server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pass, args=(*ends, self._silent), daemon=True).start()
            self.connections += 1


def _pass(source: socket.socket, target: socket.socket, silent: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while (data := source.recv(65536)) and not silent.is_set():
            target.sendall(data)
        if not silent.is_set():
            target.shutdown(socket.SHUT_WR)
