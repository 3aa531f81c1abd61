"""The table of subcommands: each can be typed, explained and run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import pytest

from ds_ops_magic import LocalService
from ds_ops_magic.history.default import default_history
from ds_ops_magic.magics.command_line import parse, parser_of
from ds_ops_magic.magics.invocation import Invocation
from ds_ops_magic.magics.subcommands import OVERVIEW, SUBCOMMANDS
from ds_ops_magic.magics.targets import scope_of
from tests.support.scripted_logs import Job, LogServer

# What follows each subcommand in a plain line of it.
EXAMPLES = {
    "connect": "{address}",
    "get": "{id}",
    "wait": "{id}",
    "watch": "{id}",
    "cancel": "{id}",
    "logs": "{id}",
    "list": "",
    "help": "wait",
}


@pytest.fixture
def log_server() -> Iterator[LogServer]:
    job = Job()
    job.write(("stdout", b"a line\n"))
    job.end()
    with LogServer(job) as server:
        yield server


class Recorded(Namespace):
    """Options that note which of them are read."""

    def __getattribute__(self, name: str) -> Any:
        values = super().__getattribute__("__dict__")
        if name in values and name != "_read":
            values["_read"].add(name)
        return super().__getattribute__(name)


def test_each_has_an_example() -> None:
    assert list(EXAMPLES) == list(SUBCOMMANDS)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_it_takes_what_its_parser_gives(
    name: str, shell: Any, operation_service: LocalService, log_server: LogServer
) -> None:
    shell.run_line_magic("op", f"connect {operation_service.address};")
    ids = [operation_service.simulate(seconds).id for seconds in (0, 60)]
    shell.run_line_magic("op", f"get {' '.join(ids)};")  # for `list` to list
    if name == "logs":
        shell.run_line_magic("op", f"connect {log_server.address};")
        ids = [log_server.job.operation_id]
    magics = shell.magics_manager.registry["OpMagics"]
    words = EXAMPLES[name].format(address=operation_service.address, id=ids[0])
    parsed = parse(SUBCOMMANDS[name], words.split())
    assert isinstance(parsed, Namespace)
    options = Recorded(**vars(parsed), _read=set())
    history = default_history(magics.history)
    SUBCOMMANDS[name].run(Invocation(options, scope_of(shell, None), shell, magics, magics.session, history))
    assert options._read == set(vars(parsed))  # none is without effect


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_it_is_explained(name: str) -> None:
    subcommand = SUBCOMMANDS[name]
    assert subcommand.name == name
    assert f"%op {name} {subcommand.arguments}".rstrip() in OVERVIEW
    assert subcommand.summary in OVERVIEW
    assert subcommand.description in parser_of(subcommand).format_help()


def test_the_overview() -> None:
    assert OVERVIEW.startswith("""\
%op follows long-running operations.

  %op connect [local | yandex | ENDPOINT | SDK_VARIABLE]
                       connect; without it the first %op connects to Yandex Cloud
  %op get [TARGET...]  show operations as they are now
""")
    assert (
        """
  %op list             show what was followed from here, by earlier kernels too
  %%op wait            run the cell, then wait for what it gives
  %op help SUBCOMMAND  all options of one of these

A TARGET is"""
        in OVERVIEW
    )
