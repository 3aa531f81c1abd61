"""The lines of a log, and IPython in a pipe and under a pseudo terminal."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pexpect
from pexpect.fdpexpect import fdspawn

from ds_ops_magic.display import text_display
from ds_ops_magic.display.text_display import LogDisplay
from tests.support.hostile import IDS, serve
from tests.support.panels import StubWatch, snapshot

_SCRIPT = """\
import sys
from IPython.core.interactiveshell import InteractiveShell
from ds_ops_magic.local import LocalService
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ds_ops_magic")
def tune(reporter):
    for quarter in (1, 2):
        reporter.progress(quarter / 4)
        sys.stdin.readline()  # the next step when the test has seen this one
with LocalService() as service:
    shell.run_line_magic("op", f"connect {service.address}")
    operation = service.submit(tune, description="Tune a \\x1b[2Jmodel")
    shell.run_line_magic("op", f"wait {operation.id}")
    shell.run_line_magic("unload_ext", "ds_ops_magic")
"""

_HOSTILE = """\
import sys
from ds_ops_magic import connect
from ds_ops_magic.display import render
from ds_ops_magic.display.panel import snapshot_panel
from ds_ops_magic.display.text_display import TerminalLine
with connect(sys.argv[1]) as client:
    for operation in client.get_all(sys.argv[2:]):
        panel = snapshot_panel([operation])
        line = TerminalLine()
        line.draw(render.line(panel))
        line.close()
        print(render.text(panel))
        print("<end of one>")
"""
# What moves the cursor of a line that is rewritten in place: hide and show it, back, up, and erase the line.
_OWN_MOVES = re.compile(r"\x1b\[(?:\?25[lh]|1?A|2K)|\r")


@contextmanager
def terminal(code: str, *arguments: str) -> Iterator[fdspawn]:
    """Run Python code in a terminal of 24 lines of 100 columns; it must end well.

    Not with `pexpect.spawn`, which forks: the gRPC servers of this process might never answer again.
    """
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True) as process:
        os.close(its)
        try:
            yield fdspawn(ours, encoding="utf-8", timeout=60)
        finally:
            process.kill()
            os.close(ours)


def test_the_live_line_of_a_terminal():
    with terminal(_SCRIPT) as reader:
        reader.expect("running · Tune a")
        for percentage in ("25%", "50%"):
            reader.expect(percentage)
            reader.sendline("")
        reader.expect(r"✓ succeeded  Tune a .{1,8}model · loc")
        reader.expect(pexpect.EOF)
        assert "\x1b[2J" not in reader.before


def test_the_lines_of_a_log(monkeypatch, capsys):
    watch, clock = StubWatch(snapshot("a")), iter([0.0, 29.0, 30.0, 40.0, 629.0, 630.0, 1229.0, 1230.0])
    monkeypatch.setattr(text_display, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    log = LogDisplay(watch)
    for line in ("", "● running", "", "", "● running", ""):
        log.tick()
        assert capsys.readouterr().out.partition(" · ")[0] == line
    watch.operations = [snapshot("a", done=True)]
    log.tick()
    assert capsys.readouterr().out.startswith("✓ succeeded · a")
    log.finish()
    assert capsys.readouterr().out.startswith("✓ succeeded  a · ")


def test_a_pipe():
    command = [sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=True)
    assert "\x1b" not in done.stdout
    assert "running" not in done.stdout
    assert "✓ succeeded  Tune a" in done.stdout


def test_hostile_text_in_a_terminal():
    with serve() as server, terminal(_HOSTILE, server.address, *IDS) as reader:
        reader.expect(pexpect.EOF)
    output = reader.before
    text = _OWN_MOVES.sub("", output)
    assert text.count("<end of one>") == len(IDS), output
    assert output.count("\x1b[2K") >= len(IDS)  # a live line for each
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]", text)
