"""Where a service may listen: on loopback or a unix socket, because it is for one machine."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
import threading
from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util import fork
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SOCKET_PATH = 103
"""The most bytes of a unix socket's path on every system: macOS has 104 with the closing zero, Linux 108."""

_UNIX = "unix:"
_umask = threading.Lock()


def check(listen: str) -> str:
    """Return an address in the form to listen on: ``unix:PATH``, or ``HOST:PORT`` with a numeric host.

    One that is invalid, or reachable from other machines, raises ValueError.
    """
    if listen.startswith(_UNIX):
        path = _socket_path(listen)
        path = path and os.path.abspath(path)
        if not path or "\0" in path or len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise ValueError(
                f"The path of a unix socket has 1 to {MAX_SOCKET_PATH} bytes, none of them 0, unlike {_shown(listen)}."
            )
        return f"{_UNIX}{path}"
    host, port = _split(listen)
    # By its name gRPC listens on both loopback addresses, or on one of them where the other is taken.
    host = "127.0.0.1" if host == "localhost" else host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(
            f"{_shown(listen)} is neither loopback nor unix:PATH, and a local service listens nowhere else."
        )
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def check_free(listen: str) -> None:
    """Raise OperationsError if an address is in use; gRPC itself would take a unix socket away from another server."""
    try:
        if listen.startswith(_UNIX):
            _check_socket(_socket_path(listen))
        else:
            host, port = _split(listen)
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family) as probe:
                # As gRPC does: a port that only waits out its last connections is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
    except OSError as error:
        raise OperationsError(f"Cannot listen on {_shown(listen)}: {error.strerror or error}.") from error


@contextlib.contextmanager
def bound_privately(listen: str) -> Iterator[None]:
    """Make a unix socket that is bound in this context inaccessible to other users from the beginning.

    The umask is that of the whole process: files that other threads create meanwhile are private too.
    """
    if not listen.startswith(_UNIX):
        yield
        return
    with _umask:  # two that overlap would restore each other's umask
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)


def with_port(listen: str, port: int) -> str:
    return listen if listen.startswith(_UNIX) else f"{listen.rpartition(':')[0]}:{port}"


def _check_socket(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        os.stat(os.path.dirname(os.path.abspath(path)))  # raises where the folder is missing too
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(None, "there is a file of another kind")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return  # left behind by a server that was killed
    raise OSError(None, "Address already in use")


def _socket_path(listen: str) -> str:
    path = listen.removeprefix(_UNIX)
    return path[2:] if path.startswith("//") else path


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"An address is HOST:PORT or unix:PATH, unlike {_shown(listen)}.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _shown(listen: str) -> str:
    return repr(one_line(listen, 120))


def _after_fork() -> None:
    global _umask
    _umask = threading.Lock()


fork.register(after_in_child=_after_fork)
