"""Runs a program for its output, within a time limit and a size limit, and ends whatever it has started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT = 64 * 1024
"""The most bytes that are taken of a program's output."""

_POLL_INTERVAL = 0.02  # seconds between two looks at whether it has ended: its children may hold its pipes open


class OutputTooLarge(Exception):
    """A program printed more than the limit."""


def run(command: Sequence[str], environment: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run a program for so many seconds at most, with no terminal to ask anything on; keep the end of its stderr.

    Raises:
        TimeoutError: It has not ended in time.
        OutputTooLarge: It printed more than the limit.
        OSError, ValueError: It cannot be run.
    """
    deadline = time.monotonic() + timeout
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603  # the user's own program
        command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0
    ) as process:
        try:
            stdout, stderr = _read_output(process, deadline)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing is left of what it has started
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _read_output(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Read until the program has ended, whether or not a child of it still holds its pipes."""
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as pipes:
        for pipe, buffer in ((process.stdout, stdout), (process.stderr, stderr)):
            if pipe is not None:
                pipes.register(pipe, selectors.EVENT_READ, buffer)
        while True:
            ended = process.poll() is not None  # before the look at the pipes: all that it printed is in there
            for key, _ in pipes.select(0.0 if ended else _POLL_INTERVAL):
                data = os.read(key.fd, LIMIT)
                if not data:
                    pipes.unregister(key.fileobj)
                key.data.extend(data)
            if len(stdout) > LIMIT:
                raise OutputTooLarge
            del stderr[:-LIMIT]
            if ended:
                return bytes(stdout), bytes(stderr)
            if time.monotonic() >= deadline:
                raise TimeoutError
