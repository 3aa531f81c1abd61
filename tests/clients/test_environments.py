"""What is said where the vendor's packages cannot be installed, and where a program of theirs ends."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

from tests.clients.environments import Environment, Program


def test_no_package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    environment = Environment(tmp_path / "made", "datasphere==0.0.1")
    for _ in range(2):
        with pytest.raises(pytest.fail.Exception) as caught:
            environment.python()
        assert str(caught.value) == (
            "datasphere==0.0.1 cannot be installed from the package index (No matching distribution found for "
            "datasphere==0.0.1): let pip reach it, or leave these tests out with --ignore tests/clients."
        )


def test_a_program_that_ends(tmp_path: Path) -> None:
    program = Program(Path(sys.executable), "missing.py", tmp_path, {}, {})
    with contextlib.closing(program):
        for _ in range(2):
            with pytest.raises(AssertionError, match=r"^the program has ended: .*No such file or directory"):
                program.call("anything")
