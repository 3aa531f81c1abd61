"""In a real terminal: IPython under a pseudo terminal, and a pipe."""

from __future__ import annotations

import re
import subprocess
import sys

import pexpect
from hostile import IDS, serve

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

_HOSTILE = """\
import sys
from ds_ops_magic import connect
from ds_ops_magic.display import static
from ds_ops_magic.display.terminal import TerminalLine
with connect(sys.argv[1]) as client:
    for operation in client.get_all(sys.argv[2:]):
        panel = static.panel_for([operation])
        line = TerminalLine()
        line.draw(static.line(panel))
        line.close()
        print(static.text(panel))
        print("<end of one>")
"""
# What moves the cursor of a line that is rewritten in place: hide and show it, back, up, and erase the line.
_OWN_MOVES = re.compile(r"\x1b\[(?:\?25[lh]|1?A|2K)|\r")


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


def test_nothing_a_server_says_moves_the_cursor():
    with serve() as server:
        arguments = ["-c", _HOSTILE, server.address, *IDS]
        child = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=60, dimensions=(24, 100))
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0, child.before
    shown = _OWN_MOVES.sub("", child.before)
    assert shown.count("<end of one>") == len(IDS)
    assert child.before.count("\x1b[2K") >= len(IDS)  # a live line for each
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]", shown)
