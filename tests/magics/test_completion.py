"""Tab completion of %op: subcommands, flags, ids and the variables that hold operations."""

from __future__ import annotations

import os
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from ds_ops_magic import History, Job, Operation, Operations
from ds_ops_magic.magics import unload
from ds_ops_magic.magics.command_line import parser_of
from ds_ops_magic.magics.completion import complete
from ds_ops_magic.magics.recent import recent_ids
from ds_ops_magic.magics.subcommands import SUBCOMMANDS
from tests.magics import Op
from tests.support import sdk_clients, sdk_objects
from tests.support.following import until
from tests.support.scripted import message

SDK = type("SDK", (), {})()  # as one of yandexcloud, which is found by its name so that nothing has to be imported
OPERATION = Operation.from_proto(message("a"))
NAMESPACE = {"job": OPERATION, "jobs": Operations([OPERATION]), "number": 3, "sdk": SDK, "_9": OPERATION}
IDS = {"loc2": None, "loc1": None, "epd1": None}


def completed(line: str) -> list[str]:
    return complete(SUBCOMMANDS, line, "" if line.endswith(" ") else line.split()[-1], NAMESPACE, IDS)


def completions(shell: Any, line: str) -> list[str]:
    """Return what the shell offers at the end of a line."""
    with provisionalcompleter():
        return [found.text for found in shell.Completer.completions(line, len(line))]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%op ", list(SUBCOMMANDS)),
        ("%op wa", ["wait", "watch"]),
        ("%%op wa", ["wait", "watch"]),
        ("%op x", []),
        ("%op wait loc1 --no-", ["--no-raise"]),
        ("%op wait --any --q", ["--quiet"]),
        ("x, y = %op wait --any --q", ["--quiet"]),
        ("%op connect --iam", ["--iam-token-env"]),
        ("%op get --t", []),
        ("%op connect ", ["local", "yandex", "sdk"]),
        ("%op help w", ["wait", "watch"]),
        ("%op list ", []),
        ("%op frobnicate ", []),
    ],
)
def test_the_word_at_the_cursor(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_flags(subcommand: str) -> None:
    flags = parser_of(SUBCOMMANDS[subcommand])._option_string_actions
    assert completed(f"%op {subcommand} --") == [flag for flag in flags if flag.startswith("--")]


@pytest.mark.parametrize("subcommand", ["get", "wait", "watch", "cancel"])
def test_targets_are_variables_and_then_ids(subcommand: str) -> None:
    assert completed(f"%op {subcommand} ") == ["job", "jobs", "epd1", "loc1", "loc2"]
    assert completed(f"%op {subcommand} lo") == ["loc1", "loc2"]
    assert completed(f"%op {subcommand} loc1 jo") == ["job", "jobs"]


def test_plain_collections_of_operations_are_offered_too() -> None:
    collections: dict[str, Any] = {"many": [OPERATION, OPERATION], "pair": (OPERATION,), "named": {"a": OPERATION}}
    namespace = {**collections, "other": [1], "no": []}
    assert complete(SUBCOMMANDS, "%op wait ", "", namespace, []) == ["many", "named", "pair"]


def test_objects_of_other_sdks_are_offered_too() -> None:
    operation = sdk_objects.Operation[Any]("a")
    namespace = {
        "wrapper": sdk_objects.JobWrapper("a"),
        "tuning": sdk_objects.TuningTask[Any]("a", None),
        "op": operation,
    }
    assert complete(SUBCOMMANDS, "%op wait ", "", {**namespace, "own": Job("a")}, []) == [
        "op",
        "own",
        "tuning",
        "wrapper",
    ]


def test_objects_that_connect_are_offered() -> None:
    namespace = {
        "studio": sdk_clients.AIStudio(),
        "later": sdk_clients.AsyncAIStudio(),
        "jobs": sdk_clients.SDK(),
        "sdk": SDK,
        "number": 3,
    }
    offered = complete(SUBCOMMANDS, "%op connect ", "", namespace, [])
    assert offered == ["local", "yandex", "jobs", "later", "sdk", "studio"]


def test_ids_that_earlier_kernels_have_used(shell: Any) -> None:
    history = History(os.environ["DS_OPS_MAGIC_HISTORY"])
    longest = f"ai-foundation-models:{'x' * 50}"
    history.of("local").record_request(["earlier1", longest])
    assert history.flush(10.0)
    shell.run_line_magic("reload_ext", "ds_ops_magic")  # as the next kernel does, which begins to read
    until(lambda: "earlier1" in completions(shell, "%op wait ear"))
    assert longest in recent_ids(history)
    history.close()


def test_the_shell_completes_by_it(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns.update(job=OPERATION)
    used = begin(0)
    op(f"get {used}")
    words = {
        "%op wa": "watch",
        "%op wait --no": "--no-raise",
        "%op wait jo": "job",
        "%%op wa": "wait",
        "found = %op wa": "wait",
        "jobs[0] = %op wait jo": "job",
        f"%op wait {used[:8]}": used,
    }
    for line, word in words.items():
        assert word in completions(shell, line)
    unload(shell)
    assert "wait" not in completions(shell, "%op wa")
    assert "wait" not in completions(shell, "found = %op wa")
