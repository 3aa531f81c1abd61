"""Paths that are no regular files, or name one that is too large."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.connection.credentials import KeyFile
from ds_ops_magic.connection.tokens import NoToken
from ds_ops_magic.model.errors import NotConnected
from tests.support.sources import fetched, leaving_nothing


def no_regular_file(kind: str, folder: Path) -> Path:
    path = folder / kind
    if kind == "FIFO":
        os.mkfifo(path)  # nobody opens its other end
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif kind == "GB":
        with path.open("wb") as file:
            file.truncate(1_000_000_000)
    else:
        return Path("/dev") / kind
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("FIFO", "it is no regular file"),
        ("zero", "it is no regular file"),
        ("null", "it is no regular file"),
        ("socket", "(No such device or address|it is no regular file)"),
        ("GB", "it is larger than 4 MB"),
    ],
)
def test_no_regular_file(kind: str, words: str, tmp_path: Path) -> None:
    path = no_regular_file(kind, tmp_path)
    with leaving_nothing(megabytes=10.0), pytest.raises(NoToken, match=f"it cannot be read: {words}"):
        fetched(KeyFile(path))
    with leaving_nothing(megabytes=10.0), pytest.raises(NotConnected, match=f"cannot be read: {words}"):
        EndpointConnection("127.0.0.1:1", ca=path)
