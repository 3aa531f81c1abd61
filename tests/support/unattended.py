"""Programs that run a notebook with nobody there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_LOST_ITS_PORT = "Kernel died before replying to kernel_info"


def run(program: str, *arguments: object, cwd: Path, **variables: str) -> str:
    """Run a program of this environment to its end, which must be a good one, and return what it printed.

    These programs choose free TCP ports for their kernel, which binds them only after a second. When another process
    took one in between, the kernel dies before any cell has run; then, and only then, the program is run once more.
    """
    command = [Path(sys.executable).with_name(program), *arguments]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False, env={**os.environ, **variables}
        )
        said = done.stdout + done.stderr
        if done.returncode == 0 or _LOST_ITS_PORT not in said:
            break
    assert done.returncode == 0, said[-5000:]
    return done.stdout
