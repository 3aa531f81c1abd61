"""Running a program for what it prints: within a deadline and a limit, and nothing of it is left afterwards."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT = 64 * 1024
"""The most bytes that are taken of what a program prints."""

_LOOK = 0.02  # seconds between two looks at whether it has ended: whoever holds its pipes open does not count


class TooMuch(Exception):
    """A program printed more than the limit."""


class Ended(NamedTuple):
    """How a program ended.

    Attributes:
        code: Its exit code, or the signal that ended it, negative.
        output: What it printed.
        complaint: The last of what it printed as errors.
    """

    code: int
    output: bytes
    complaint: bytes


def run(words: Sequence[str], environment: Mapping[str, str], seconds: float) -> Ended:
    """Run a program with no terminal to ask anything on, and end what it has started.

    Args:
        words: The program and its arguments.
        environment: The variables it sees.
        seconds: How long it may take.

    Raises:
        TimeoutError: It has not ended in time.
        TooMuch: It printed too much.
        OSError, ValueError: It cannot be run.
    """
    deadline = time.monotonic() + seconds
    pipe = subprocess.PIPE
    process = subprocess.Popen(  # noqa: S603  # the user's own program
        words, env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0
    )
    try:
        output, complaint = _printed(process, deadline)
    finally:
        _end(process)
    return Ended(process.returncode, output, complaint)


def _printed(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Read until the program has ended, whether or not a child of it still holds its pipes."""
    output, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as pipes:
        for pipe, kept in ((process.stdout, output), (process.stderr, complaint)):
            if pipe is not None:
                pipes.register(pipe, selectors.EVENT_READ, kept)
        while True:
            ended = process.poll() is not None  # before the look at the pipes: all that it printed is in there
            for key, _ in pipes.select(0.0 if ended else _LOOK):
                data = os.read(key.fd, LIMIT)
                if not data:
                    pipes.unregister(key.fileobj)
                key.data.extend(data)
            if len(output) > LIMIT:
                raise TooMuch
            del complaint[:-LIMIT]
            if ended:
                return bytes(output), bytes(complaint)
            if time.monotonic() >= deadline:
                raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started, and close its pipes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
