"""What %op does whatever the subcommand: scope, semicolon, configuration, help, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic import Status
from tests.magics import Op


def test_display_as_text_or_none(op: Op, begin: Op, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("config", "OpMagics.display = 'none'")
    op(f"wait {begin(0)}")
    assert capsys.readouterr().out == ""
    shell.run_line_magic("config", "OpMagics.display = 'text'")
    op(f"wait {begin(0)}")
    assert "✓ succeeded" in capsys.readouterr().out


def test_in_a_function_its_variables_are_meant(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["begin"] = begin
    shell.run_cell(
        "job = begin(60, description='precious')\n"
        "def stop(job):\n"
        "    %op cancel job\n"
        "    several = [job]\n"
        "    found = %op get {[name for name in several if name in several]}\n"
        "    return found[0]\n"
        "stopped = stop(begin(60))\n"
        "kept = %op get job"
    ).raise_error()
    assert shell.user_ns["stopped"].status in (Status.FAILING, Status.CANCELLED)
    assert shell.user_ns["kept"].status is Status.RUNNING


def test_no_such_subcommand(op: Op) -> None:
    with pytest.raises(UsageError, match=r"%op has no 'frobnicate': it has connect, get, .*, help\. See: %op help"):
        op("frobnicate")


@pytest.mark.parametrize("line", ["", "get", "cancel", "frobnicate", "--help"])
def test_a_cell_is_for_wait_alone(shell: Any, line: str) -> None:
    with pytest.raises(UsageError, match="write %%op wait"):
        shell.run_cell_magic("op", line, "x = 1")


def test_help_is_printed(op: Op, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    overview = dict.fromkeys(
        ("", "help", "-h", "--help", "help;", "--help wait"), "%op follows long-running operations."
    )
    for line, start in {**overview, "help wait": "usage: %op wait", "wait -h": "usage: %op wait"}.items():
        assert op(line) is None
        assert capsys.readouterr().out.startswith(start)
