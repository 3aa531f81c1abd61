"""Tab completion of %op: subcommands, flags, ids and the variables that hold operations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter

from ds_ops_magic import History, Operation, Operations
from ds_ops_magic.magics import unload
from ds_ops_magic.magics.command_line import parser_of
from ds_ops_magic.magics.completion import complete
from ds_ops_magic.magics.subcommands import SUBCOMMANDS
from tests.support.following import until
from tests.support.scripted import message

if TYPE_CHECKING:
    from tests.support.kernels import Kernel


class SDK:
    """Stands for yandexcloud.SDK, which is found by its name so that nothing has to be imported."""


OPERATION = Operation.from_proto(message("a"))
NAMESPACE = {"job": OPERATION, "jobs": Operations([OPERATION]), "number": 3, "sdk": SDK(), "_9": OPERATION}
IDS = {"loc2": None, "loc1": None, "epd1": None}


def completed(line: str, symbol: str | None = None) -> list[str]:
    """Complete at the end of a line; the word there unless another is given, as IPython cuts words its own way."""
    word = "" if line.endswith(" ") else line.split()[-1]
    return complete(SUBCOMMANDS, line, word if symbol is None else symbol, NAMESPACE, IDS)


def completions(shell: Any, line: str) -> list[str]:
    """Return what the shell offers at the end of a line."""
    with provisionalcompleter():
        return [found.text for found in shell.Completer.completions(line, len(line))]


def test_subcommands() -> None:
    assert completed("%op ") == list(SUBCOMMANDS)
    assert completed("%op wa") == ["wait", "watch"]
    assert completed("%op x") == []
    assert completed("%%op wa") == ["wait", "watch"]


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_flags(subcommand: str) -> None:
    assert completed(f"%op {subcommand} --", "--") == [
        flag for flag in parser_of(SUBCOMMANDS[subcommand])._option_string_actions if flag.startswith("--")
    ]


def test_flags_after_targets_and_other_flags() -> None:
    assert completed("%op wait loc1 --no-") == ["--no-raise"]
    assert completed("%op wait --any --q") == ["--quiet"]
    assert completed("x, y = %op wait --any --q") == ["--quiet"]
    assert completed("%op connect --iam") == ["--iam-token-env"]
    assert completed("%op get --t") == []


@pytest.mark.parametrize("subcommand", ["get", "wait", "watch", "cancel"])
def test_targets_are_variables_and_then_ids(subcommand: str) -> None:
    assert completed(f"%op {subcommand} ") == ["job", "jobs", "epd1", "loc1", "loc2"]
    assert completed(f"%op {subcommand} lo") == ["loc1", "loc2"]
    assert completed(f"%op {subcommand} loc1 jo") == ["job", "jobs"]


def test_plain_collections_of_operations_are_offered_too() -> None:
    namespace = {
        "many": [OPERATION, OPERATION],
        "pair": (OPERATION,),
        "named": {"a": OPERATION},
        "other": [1],
        "no": [],
    }
    assert complete(SUBCOMMANDS, "%op wait ", "", namespace, []) == ["many", "named", "pair"]


def test_ids_that_earlier_kernels_have_used(shell: Any) -> None:
    history = History(os.environ["DS_OPS_MAGIC_HISTORY"])
    history.of("local").record_request(["earlier1"])
    assert history.flush(10.0)
    shell.run_line_magic("reload_ext", "ds_ops_magic")  # as the next kernel does, which begins to read
    until(lambda: "earlier1" in completions(shell, "%op wait ear"))
    history.close()


def test_what_can_be_connected_to_and_what_there_is_help_for() -> None:
    assert completed("%op connect ") == ["local", "yandex", "sdk"]
    assert completed("%op help w") == ["wait", "watch"]


def test_nothing_to_offer() -> None:
    assert completed("%op list ") == []
    assert completed("%op frobnicate ") == []


def test_the_shell_completes_by_it(shell: Any) -> None:
    shell.user_ns.update(job=OPERATION)

    assert {"wait", "watch"} <= set(completions(shell, "%op wa"))
    assert "--no-raise" in completions(shell, "%op wait --no")
    assert "job" in completions(shell, "%op wait jo")
    assert "wait" in completions(shell, "%%op wa")
    assert "wait" in completions(shell, "found = %op wa")
    assert "job" in completions(shell, "jobs[0] = %op wait jo")
    unload(shell)
    assert "wait" not in completions(shell, "%op wa")
    assert "wait" not in completions(shell, "found = %op wa")


def test_a_kernel_completes_ids_it_has_asked_about(kernel: Kernel, operation_service: Any) -> None:
    operation = operation_service.simulate(0)
    kernel.ok(f"%op get {operation.id}")
    code = f"%op wait {operation.id[:8]}"
    request = kernel.request("complete_request", {"code": code, "cursor_pos": len(code)})
    assert operation.id in kernel.cell(request).reply["matches"]
