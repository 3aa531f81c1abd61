"""Files that a user names, and what keeps one from being read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os


class Unreadable(Exception):
    """A file cannot be read; internal, its words are safe to print."""


def contents(path: str | os.PathLike[str]) -> bytes:
    """Read a whole file; ``~`` is the home folder.

    Raises:
        Unreadable: That cannot be done; says why.
    """
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    except RuntimeError:
        raise Unreadable("nobody has that home folder") from None
    except ValueError:  # a null byte, or what the file system cannot encode
        raise Unreadable("that is no path") from None
