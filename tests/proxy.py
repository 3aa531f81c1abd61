"""A TCP proxy on loopback whose connections can fall silent, as those do whose packets a network drops."""

from __future__ import annotations

import contextlib
import socket
import threading

from scripted import ScriptedServer


class Proxy:
    """Passes bytes on between clients and a server, until it is told to drop them."""

    def __init__(self, server: ScriptedServer) -> None:
        self._to = server.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._passing = threading.Event()
        self._open: list[socket.socket] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def drop(self) -> None:
        """Drop what comes over the connections there are, for good, and over new ones until `restore`."""
        self._passing.set()
        self._passing = threading.Event()
        self._dropping = True

    def restore(self) -> None:
        """Serve new connections again; those that fell silent stay so."""
        self._dropping = False

    _dropping = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            if self._dropping:
                continue  # taken by the network's last hop, and never answered
            server = socket.create_connection(("127.0.0.1", self._to))
            self._open.append(server)
            silent = self._passing
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, target, silent), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not silent.is_set():
                    target.sendall(data)
            if not silent.is_set():
                target.shutdown(socket.SHUT_WR)
