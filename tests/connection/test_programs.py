"""A program that gives the token: its time, its output, and what it leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ds_ops_magic.connection.credentials import CommandLine
from ds_ops_magic.connection.tokens import NoToken
from tests.support.following import until
from tests.support.sources import fetched, leaving_nothing
from tests.support.stand_ins import CommandLineStandIn

TOKEN = "t1.of-the-source"
GIGABYTE = "head -c 1000000000 /dev/zero"
NOTED = 'echo $$ >>"$(dirname "$0")/pids"'
CHILD = 'sleep 60 & echo $! >>"$(dirname "$0")/pids"'


def processes_of(folder: Path) -> list[str]:
    """Return the processes that a program in a folder has noted there: those that run, and zombies of ours."""
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
def test_no_token(does: tuple[str, ...], words: str, program: CommandLineStandIn) -> None:
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
def test_a_token(does: tuple[str, ...], program: CommandLineStandIn) -> None:
    program.does(NOTED, *does)
    with leaving_nothing():
        assert fetched(CommandLine()) == TOKEN
    until(lambda: not processes_of(program.folder))
