"""In a real terminal: IPython under a pseudo terminal, and a pipe."""

from __future__ import annotations

import subprocess
import sys

import pexpect

_SCRIPT = """\
from IPython.core.interactiveshell import InteractiveShell
from ds_ops_magic.local import LocalService
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ds_ops_magic")
with LocalService() as service:
    shell.run_line_magic("op", f"connect {service.address}")
    operation = service.simulate(duration=2, steps=4, description="Tune a \\x1b[2Jmodel")
    shell.run_line_magic("op", f"wait {operation.id}")
    shell.run_line_magic("unload_ext", "ds_ops_magic")
"""


def test_a_terminal_shows_one_live_line_that_is_rewritten_and_gone_at_the_end():
    child = pexpect.spawn(sys.executable, ["-c", _SCRIPT], encoding="utf-8", timeout=30, dimensions=(24, 100), env=None)
    child.expect("running · Tune a")
    child.expect("25%")
    child.expect("50%")
    child.expect(r"✓ succeeded  Tune a .{1,8}model · loc")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "\x1b[2J" not in child.before


def test_a_pipe_gets_plain_lines_and_no_escapes():
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert "\x1b" not in done.stdout
    assert "running" not in done.stdout
    assert "✓ succeeded  Tune a" in done.stdout
