"""Errors: what kind each is, and the few lines it shows."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ds_ops_magic
from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import OperationsError
from tests.support.sample_errors import HOSTILE, every_error, refused_id

TREE: dict[type[BaseException], tuple[type[BaseException], ...]] = {
    OperationsError: (Exception,),
    errors.NotConnected: (OperationsError,),
    errors.AuthenticationError: (OperationsError,),
    errors.PermissionDenied: (OperationsError,),
    errors.OperationNotFound: (OperationsError,),
    errors.InvalidOperationId: (OperationsError,),
    errors.ServiceUnavailable: (OperationsError,),
    errors.NotAnOperation: (OperationsError, TypeError),
    errors.UnreadableAnswer: (OperationsError,),
    errors.ServiceRefused: (OperationsError,),
    errors.CancelNotSupported: (OperationsError, errors.ServiceRefused),
    errors.WatchStopped: (OperationsError,),
    errors.NotCancelled: (OperationsError,),
    errors.NotWatched: (OperationsError, KeyError),
    errors.OperationFailed: (OperationsError,),
    errors.OperationCancelled: (errors.OperationFailed,),
    errors.OperationsFailed: (OperationsError,),
    errors.WaitTimeout: (OperationsError, TimeoutError),
    errors.WaitInterrupted: (KeyboardInterrupt,),
}


def test_the_tree_of_classes() -> None:
    found = [kind for name, kind in vars(errors).items() if isinstance(kind, type) and not name.startswith("_")]
    raised = {kind for kind in found if issubclass(kind, BaseException)}
    assert raised == set(TREE)
    assert {kind for kind in raised if not issubclass(kind, OperationsError)} == {errors.WaitInterrupted}
    assert all(issubclass(kind, base) for kind, bases in TREE.items() for base in bases)
    assert not issubclass(errors.OperationsFailed, errors.OperationFailed)


def test_every_class_is_a_public_name() -> None:
    for kind in TREE:
        assert kind.__name__ in ds_ops_magic.__all__
        assert getattr(ds_ops_magic, kind.__name__) is kind


def test_an_interrupt_is_not_eaten_by_except_exception() -> None:
    def loop() -> None:
        try:
            raise errors.interrupted(["op1"])
        except Exception:
            pytest.fail("Stop was eaten")

    with pytest.raises(KeyboardInterrupt):
        loop()


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


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty", "%op wait ID"]),
        ("x" * 51, ["51 characters", "at most 50", "%op wait"]),
        ("\udcff", ["no operation id", "%op wait"]),
    ],
)
def test_an_id_that_no_operation_has(text: str, parts: list[str]) -> None:
    said = str(refused_id(text))
    assert all(part in said for part in parts)
    said.encode()  # any stream can print it


@pytest.mark.parametrize("operation_id", ["a", "x" * 50, "идентификатор", "с пробелом"])
def test_any_other_id_may_be_asked_about(operation_id: str) -> None:
    assert errors.check_id(operation_id) == operation_id


@pytest.mark.parametrize("error", every_error("op"), ids=lambda error: type(error).__name__)
def test_pickles_and_copies_keep_everything(error: Any) -> None:
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  # our own
        assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
        assert vars(again).keys() == vars(error).keys()
        for name in vars(error).keys() - {"errors"}:
            assert getattr(again, name) == getattr(error, name)
        assert repr(getattr(again, "errors", None)) == repr(getattr(error, "errors", None))


def test_a_notebook_shows_the_lines_first_and_all_of_it_on_request() -> None:
    code = """
from IPython.core.interactiveshell import InteractiveShell
from ds_ops_magic.model import errors
shell = InteractiveShell()
shell.run_line_magic("colors", "nocolor")
shell.user_ns["errors"] = errors
for cell in ("raise errors.unavailable('tls', 'host:1')", "%tb", "raise errors.interrupted(['a'])", "%tb"):
    assert shell.run_cell(cell, store_history=True).success is cell.startswith("%")
    print("=====")
"""
    home = Path(ds_ops_magic.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    raised = (errors.unavailable("tls", "host:1"), errors.interrupted(["a"]))
    shown = [part.strip() for part in done.stdout.split("=====")]
    for error, short, long in zip(raised, shown[0:4:2], shown[1:4:2], strict=True):
        assert short == f"{type(error).__name__}: {error}"
        assert long.startswith("Traceback (most recent call last):")
        assert long.endswith(f"{type(error).__module__}.{short}")
