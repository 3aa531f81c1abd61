"""Errors: what kind each is, and the few lines it shows."""

from __future__ import annotations

import builtins
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

import ds_ops_magic
from ds_ops_magic.model import errors, wait_errors
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.grpc_codes import unavailable
from ds_ops_magic.model.outcome_errors import not_cancelled, operation_failed
from tests.support.sample_errors import HOSTILE, every_error, failed


def test_the_tree_in_the_docstring() -> None:
    found = [kind for name, kind in vars(errors).items() if isinstance(kind, type) and not name.startswith("_")]
    parents: list[type] = []
    drawn = set()
    for indent, name, builtin in re.findall(r"^( *)[*x] (\w+)(?: \((?:also )?an? (\w+)\))?", str(errors.__doc__), re.M):
        kind = getattr(errors, name)
        parents[len(indent) // 2 :] = [kind]
        drawn.add(kind)
        assert len(parents) == 1 or kind.__bases__[0] is parents[-2]
        assert issubclass(kind, getattr(builtins, builtin or "BaseException"))
        assert issubclass(kind, OperationsError) is (kind is not errors.WaitInterrupted)
    assert drawn == {kind for kind in found if issubclass(kind, BaseException)}
    assert {kind.__name__ for kind in drawn} <= set(ds_ops_magic.__all__)
    assert issubclass(OperationsError, Exception)
    assert not issubclass(errors.WaitInterrupted, Exception)  # else `except Exception` in a loop would eat Stop


@pytest.mark.parametrize("error", every_error(HOSTILE), ids=lambda error: type(error).__name__)
def test_foreign_text_is_harmless(error: Any) -> None:
    try:
        raise error from RuntimeError(HOSTILE)  # as gRPC's own error would be
    except BaseException:
        short, long = error._render_traceback_(), error._render_traceback_()
    assert 1 <= len(str(error).split("\n")) <= 3
    assert short == f"{type(error).__name__}: {error}".split("\n")
    assert len(long) > len(short)
    for line in (*str(error).split("\n"), *long):
        assert line.replace("\t", "").isprintable()
    assert all(len(line) < 700 for line in short)


@pytest.mark.parametrize("error", every_error("y" * 1_000_000), ids=lambda error: type(error).__name__)
def test_long_text_is_cut(error: Any) -> None:
    assert len(str(error)) < 1_000


@pytest.mark.parametrize("error", every_error("op"), ids=lambda error: type(error).__name__)
def test_every_error_says_what_to_do_next(error: Any) -> None:
    assert len(error.args) >= 2
    assert any(word in error.args[-1] for word in ("%op ", "--no-raise", "Check the id"))
    assert all(error.args)


def test_a_notebook_shows_the_lines_and_all_of_it_on_request() -> None:
    code = """
from IPython.core.interactiveshell import InteractiveShell
from ds_ops_magic.model import grpc_codes, wait_errors
shell = InteractiveShell()
shell.run_line_magic("colors", "nocolor")
shell.user_ns.update(wait_errors=wait_errors, grpc_codes=grpc_codes)
for cell in ("raise grpc_codes.unavailable('tls', 'host:1')", "%tb", "raise wait_errors.interrupted(['a'])", "%tb"):
    assert shell.run_cell(cell, store_history=True).success is cell.startswith("%")
    print("=====")
"""
    home = Path(ds_ops_magic.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    raised = (unavailable("tls", "host:1"), wait_errors.interrupted(["a"]))
    shown = [part.strip() for part in done.stdout.split("=====")]
    for error, short, long in zip(raised, shown[0:4:2], shown[1:4:2], strict=True):
        assert short == f"{type(error).__name__}: {error}"
        assert long.startswith("Traceback (most recent call last):")
        assert long.endswith(f"{type(error).__module__}.{short}")


INFO = ErrorInfo(reason="Q")


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            operation_failed(failed()),
            ["Operation op1 (train) failed.\n", "RESOURCE_EXHAUSTED: no quota\n", "%op get op1"],
        ),
        (operation_failed(failed(8, "no", INFO, BadRequest())), [": no (reason Q)\n"]),
        (operation_failed(failed(description="d" * 256)), ["op1 (" + "d" * 79 + "…) failed"]),
        (operation_failed(failed(5, " ", description="")), ["Operation op1 failed.\n", "NOT_FOUND\n", "%op get op1"]),
        (operation_failed(failed(1, "by user")), ["Operation op1 (train) was cancelled.\n", "CANCELLED: by user\n"]),
        (operation_failed(failed(99)), ["failed", "CODE_99: no quota"]),
        (not_cancelled(failed(name="op9")), ["op9 was not cancelled", "succeeded before", "%op get op9"]),
        (errors.unreadable("op1", 1, "cut"), ["op1: the answer of 1 byte cannot be read: cut.\n", "%op get op1"]),
        (errors.unreadable("op1", None, "cut"), ["op1: the answer cannot be read: cut.\n", "%op get op1"]),
        (wait_errors.interrupted(["a"]), ["the operation goes on", "%op wait a\n", "%op cancel a"]),
        (wait_errors.interrupted(list("abc")), ["3 operations go on", "%op wait a b c\n", "%op cancel a b c"]),
        (wait_errors.interrupted([]), ["every operation had already ended"]),
        (wait_errors.stopped(["a"]), ["stopped before the end", "the operation goes on", "%op wait a"]),
        (
            wait_errors.stopped(list("abcd")),
            ["stopped before the end", "4 operations go on", "%op wait with their ids"],
        ),
        (wait_errors.stopped([]), ["stopped before the end", "the operations go on", "%op wait with their ids"]),
        (errors.not_watched(["a"]), ["This watch does not follow a.", "%op cancel a"]),
        (errors.not_watched(list("abcd")), ["not follow a, b, c and 1 more.", "%op cancel with their ids"]),
        (wait_errors.closed(), ["This client is closed", "go on", "connect() makes another", "%op connect"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_messages(error: Any, parts: list[str]) -> None:
    assert re.search(".*".join(map(re.escape, parts)), str(error), re.DOTALL)
