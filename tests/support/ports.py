"""Ports of loopback that no other process gets while this one lives."""

from __future__ import annotations

import atexit
import socket

_HELD: list[socket.socket] = []


@atexit.register
def _close_held() -> None:
    for held in _HELD:
        held.close()


def own_port() -> int:
    """Find a free port and keep it.

    A client goes on asking where a server was; were the port free again, the server of another test could come to
    answer there. A socket that is bound and does not listen keeps it: connections are refused, and a server of this
    process can bind it too, as long as both allow the address to be used again.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    if len(_HELD) > 200:  # nobody asks there any more, and files are not without end
        _HELD.pop(0).close()
    return int(held.getsockname()[1])
