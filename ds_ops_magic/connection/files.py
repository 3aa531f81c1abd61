"""Files that a user names, and what keeps one from being read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LIMIT = 4 * 1024 * 1024
"""The largest file that is read, in bytes: of the certificates that a system trusts there are 200 KB."""


class Unreadable(Exception):
    """A file cannot be read; internal, its words are safe to print."""


def contents(path: str | os.PathLike[str]) -> bytes:
    """Read a whole file; ``~`` is the home folder. Pipes and devices, which may never end, are none.

    Raises:
        Unreadable: That cannot be done; says why.
    """
    try:
        with open(Path(path).expanduser(), "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("it is no regular file")
            read = file.read(LIMIT + 1)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    except RuntimeError:
        raise Unreadable("nobody has that home folder") from None
    except ValueError:  # a null byte, or what the file system cannot encode
        raise Unreadable("that is no path") from None
    if len(read) > LIMIT:
        raise Unreadable("it is larger than 4 MB")
    return read


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # else a pipe waits for somebody who writes to it
