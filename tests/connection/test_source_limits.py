"""Sources of credentials that never end, give too much, or leave something behind: a deadline, and a limit."""

from __future__ import annotations

import os
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yandexcloud

from ds_ops_magic.connection import sdk as sdk_module
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.connection.credentials import CommandLine, EnvironmentToken, KeyFile, MetadataService, Source
from ds_ops_magic.connection.tokens import NoToken
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import NotConnected
from tests.support.following import lasting, until
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn, ServiceAccountKey, path_with

SECONDS = 1.0  # that a source is given
TOKEN = "t1.of-the-source"
GIGABYTE = "head -c 1000000000 /dev/zero"


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def leaving_nothing(megabytes: float = 2.0) -> Iterator[None]:
    """Fail where the body takes longer than a source may, needs more memory, or leaves threads or descriptors."""
    threads, opened = set(threading.enumerate()), descriptors()
    tracemalloc.start()
    try:
        with lasting(0.0, SECONDS):
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1e6, f"{peak / 1e6:.1f} MB"
    until(lambda: set(threading.enumerate()) <= threads)
    until(lambda: descriptors() <= opened)


def fetched(source: Source) -> str:
    return source.fetch(Cloud("127.0.0.1:1"), SECONDS).value


@pytest.fixture
def program(yc: CommandLineStandIn, environment: pytest.MonkeyPatch) -> CommandLineStandIn:
    """That program, on the PATH."""
    environment.setenv("PATH", path_with(yc.folder))
    return yc


def processes_of(folder: Path) -> list[str]:
    """Return the processes that a program in a folder has noted there: those that run, and zombies of ours."""
    return [pid for pid in (folder / "pids").read_text().split() if is_left(Path(f"/proc/{pid}/stat"))]


def is_left(stat: Path) -> bool:
    try:
        state, parent = stat.read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" or int(parent) == os.getpid()


NOTED = 'echo $$ >>"$(dirname "$0")/pids"'
CHILD = 'sleep 60 & echo $! >>"$(dirname "$0")/pids"'


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
def test_a_command_line_that_gives_no_token(does: tuple[str, ...], words: str, program: CommandLineStandIn) -> None:
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
def test_a_command_line_whose_token_is_there(does: tuple[str, ...], program: CommandLineStandIn) -> None:
    program.does(NOTED, *does)
    with leaving_nothing():
        assert fetched(CommandLine()) == TOKEN
    until(lambda: not processes_of(program.folder))


@pytest.fixture
def service(metadata: MetadataStandIn, environment: pytest.MonkeyPatch) -> MetadataStandIn:
    """That metadata service, which the environment names."""
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    metadata.token = TOKEN
    return metadata


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
def test_a_metadata_service_that_drips(how: dict[str, Any], words: str, service: MetadataStandIn) -> None:
    vars(service).update(how)
    with leaving_nothing(), pytest.raises(NoToken) as caught:
        fetched(MetadataService())
    assert words in str(caught.value)


@pytest.mark.parametrize("drips", [b" ", b"x", b"}", b"{}" * 1_000])
def test_a_metadata_service_whose_token_is_there(drips: bytes, service: MetadataStandIn) -> None:
    service.drips = drips
    with leaving_nothing():
        assert fetched(MetadataService()) == TOKEN


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
def test_a_file_that_is_none(kind: str, words: str, tmp_path: Path) -> None:
    path = no_regular_file(kind, tmp_path)
    with leaving_nothing(megabytes=10.0), pytest.raises(NoToken, match=f"it cannot be read: {words}"):
        fetched(KeyFile(path))
    with leaving_nothing(megabytes=10.0), pytest.raises(NotConnected, match=f"cannot be read: {words}"):
        EndpointConnection("127.0.0.1:1", ca=path)


@pytest.mark.parametrize("named", ["sa_key", "oauth"])
def test_a_token_service_that_is_silent(
    named: str, cloud: CloudStandIn, key: ServiceAccountKey, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_TOKEN", "y0_of-a-user")
    cloud.hangs = True
    source = KeyFile(key.write(tmp_path / "key")) if named == "sa_key" else EnvironmentToken("YC_TOKEN", is_iam=False)
    asked = Cloud(cloud.address, cloud.ca.read_bytes())
    asked.discover(SECONDS)
    with lasting(0.0, SECONDS), pytest.raises(NoToken, match="DEADLINE_EXCEEDED"):
        source.fetch(asked, SECONDS)


def test_an_sdk_whose_discovery_is_silent_leaves_nothing(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(sdk_module, "DISCOVERY_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:  # and nobody answers
        for _ in range(3):
            threads = set(threading.enumerate())
            made = yandexcloud.SDK(iam_token=TOKEN, endpoint=f"127.0.0.1:{listening.getsockname()[1]}")
            with lasting(0.0, 0.5), pytest.raises(NotConnected, match="endpoint discovery did not answer"):
                connect(made)
            assert "ds_ops_magic connecting" not in {thread.name for thread in set(threading.enumerate()) - threads}


def test_an_sdk_whose_token_drips_costs_a_call_and_no_more(
    cloud: CloudStandIn, service: MetadataStandIn, authority: Any
) -> None:
    service.body, service.drips = b"", b" "
    made = yandexcloud.SDK(endpoint=cloud.address, root_certificates=authority.certificate)
    with connect(made) as client, lasting(0.0, 2.0), pytest.raises(Exception, match="No answer"):
        client.check()
