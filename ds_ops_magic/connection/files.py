"""Reads files that a user names: within a limit, and never waiting for a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LIMIT = 4 * 1024 * 1024
"""The largest file that is read, in bytes: of the certificates that a system trusts there are 200 KB."""


class UnreadableFile(Exception):
    """A file cannot be read; internal, its message is safe to print."""


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a whole regular file; ``~`` is the home folder. Pipes and devices are refused: they may never end."""
    try:
        with open(Path(path).expanduser(), "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableFile("it is no regular file")
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise UnreadableFile(error.strerror or type(error).__name__) from None
    except RuntimeError:
        raise UnreadableFile("nobody has that home folder") from None
    except ValueError:  # a null byte, or what the file system cannot encode
        raise UnreadableFile("that is no path") from None
    if len(data) > LIMIT:
        raise UnreadableFile("it is larger than 4 MB")
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # else a pipe waits for somebody who writes to it
