"""What every source keeps to: a time, a size, and nothing left behind, whatever it reads, runs or requests."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ds_ops_magic.connection.credentials import CommandLine, MetadataService
from ds_ops_magic.connection.files import UnreadableFile, read_file
from ds_ops_magic.connection.tokens import NoToken
from ds_ops_magic.connector import connect
from tests.support.following import lasting, until
from tests.support.sources import fetched, leaving_nothing, sdk_of
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn

TOKEN = "t1.of-the-source"
GIGABYTE = "head -c 1000000000 /dev/zero"
NOTED = 'echo $$ >>"$(dirname "$0")/pids"'
CHILD = 'sleep 60 & echo $! >>"$(dirname "$0")/pids"'


def processes_of(folder: Path) -> list[str]:
    """Return the processes that a program has noted in its folder: those that run, and zombies of ours."""
    return [pid for pid in (folder / "pids").read_text().split() if is_left(Path(f"/proc/{pid}/stat"))]


def is_left(stat: Path) -> bool:
    try:
        state, parent = stat.read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" or int(parent) == os.getpid()


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (("yes",), "it printed more than 64 KB"),
        ((GIGABYTE,), "it printed more than 64 KB"),
        ((f"{GIGABYTE} | tr '\\0' t; exit 1",), "it printed more than 64 KB"),
        (("yes >&2",), "no answer within 1.0 s"),
        (("exec >&- 2>&-", "sleep 60"), "no answer within 1.0 s"),
        ((f"echo {TOKEN}", "sleep 60"), "no answer within 1.0 s"),
        ((CHILD, "sleep 60"), "no answer within 1.0 s"),
        ((CHILD, "echo 'ERROR: no profile' >&2", "exit 3"), "ERROR: no profile"),
        (("head -c 300000 /dev/zero >&2", "echo >&2", "echo 'ERROR: no profile' >&2", "exit 3"), "ERROR: no profile"),
    ],
)
def test_a_program_without_a_token(does: tuple[str, ...], words: str, program: CommandLineStandIn) -> None:
    program.does(NOTED, *does)
    with leaving_nothing(), pytest.raises(NoToken) as caught:
        fetched(CommandLine())
    assert words in str(caught.value)
    until(lambda: not processes_of(program.folder))


@pytest.mark.parametrize(
    "does",
    [
        (CHILD, f"echo {TOKEN}"),
        (f"echo {TOKEN}", CHILD),
        ("yes >&2 &", 'echo $! >>"$(dirname "$0")/pids"', f"echo {TOKEN}"),
        ("setsid sleep 3 &", f"echo {TOKEN}"),  # which goes on: it has a group of its own
        ("head -c 10000000 /dev/zero >&2", f"echo {TOKEN}"),
        ("head -c 60000 /dev/zero | tr '\\0' '\\n'", f"echo {TOKEN}"),
    ],
)
def test_a_program_with_a_token(does: tuple[str, ...], program: CommandLineStandIn) -> None:
    program.does(NOTED, *does)
    with leaving_nothing():
        assert fetched(CommandLine()) == TOKEN
    until(lambda: not processes_of(program.folder))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"body": b"", "drips": b" "}, "no answer within 1.0 s"),
        ({"body": b'{"access_token": "', "drips": b"a"}, "no answer within 1.0 s"),
        ({"body": b'{"access_token": "', "drips": b"}"}, "no answer within 1.0 s"),
        ({"drips": b"X-Drip: 1\r\n", "drips_early": True}, "no answer within 1.0 s"),
        ({"drips": b"x", "drips_early": True}, "no answer within 1.0 s"),
        ({"status": 100, "drips": b"\r\nHTTP/1.1 100 Continue\r\n", "drips_early": True}, "no answer within 1.0 s"),
        ({"status": 500, "drips": b"x"}, "HTTP 500"),
        ({"body": b"[1", "drips": b", 1" * 300_000, "every": 0.0}, "no JSON"),
        ({"body": b"{}", "drips": b" "}, "it gave an empty token"),
    ],
)
def test_a_metadata_service_without_a_token(how: dict[str, Any], words: str, machine: MetadataStandIn) -> None:
    vars(machine).update(how)
    with leaving_nothing(), pytest.raises(NoToken) as caught:
        fetched(MetadataService())
    assert words in str(caught.value)


@pytest.mark.parametrize("drips", [b" ", b"x", b"}", b"{}" * 1_000])
def test_a_metadata_service_with_a_token(drips: bytes, machine: MetadataStandIn) -> None:
    machine.drips = drips
    with leaving_nothing():
        assert fetched(MetadataService()) == machine.token
    with pytest.raises(NoToken, match="no answer within 0"):
        fetched(MetadataService(), timeout=0.0)


def test_an_sdk_whose_token_never_ends(cloud: CloudStandIn, machine: MetadataStandIn) -> None:
    machine.body, machine.drips = b"", b" "
    with connect(sdk_of(cloud)) as client, lasting(0.0, 2.0), pytest.raises(Exception, match="No answer"):
        client.check()


def unreadable_file(kind: str, folder: Path) -> Path:
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
        return Path(kind)
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("FIFO", "it is no regular file"),
        ("/dev/zero", "it is no regular file"),
        ("/dev/null", "it is no regular file"),
        ("socket", "(No such device or address|it is no regular file)"),
        ("GB", "it is larger than 4 MB"),
        ("/nowhere", "No such file"),
        ("/", "Is a directory"),
        ("~nobody-of-that-name/x.pem", "nobody has that home folder"),
        ("a\0b", "that is no path"),
        ("\ud800", "that is no path"),
    ],
)
def test_an_unreadable_file(kind: str, words: str, tmp_path: Path) -> None:
    path = unreadable_file(kind, tmp_path)
    with leaving_nothing(megabytes=10.0), pytest.raises(UnreadableFile, match=f"^{words}"):
        read_file(path)
