"""The history of this process: which file it is in, and one `History` for each file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ds_ops_magic.history.history import FILE_NAME, FILE_VARIABLE, History
from ds_ops_magic.util import fork

_lock = threading.Lock()
_open: dict[Path, History] = {}
_profile: Path | None = None


def default_history(name: str = "") -> History | None:
    """Return the history of this process, the same one each time; None where none is to be kept.

    It is in the file that `name` or else ``DS_OPS_MAGIC_HISTORY`` gives (``none`` for no history); else it is in
    ``ds_ops_magic.sqlite`` in the IPython profile of this process, or in the default one.
    """
    named = name or os.environ.get(FILE_VARIABLE, "")
    if named.strip().lower() == "none":
        return None
    # IPython is not asked: a script that uses the client need not have imported it.
    profile = _profile or Path(os.environ.get("IPYTHONDIR") or "~/.ipython") / "profile_default"
    made = History(named or profile / FILE_NAME)
    with _lock:
        return _open.setdefault(made.path, made)


def use_profile(folder: str | os.PathLike[str]) -> None:
    global _profile
    _profile = Path(folder)


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


fork.register(after_in_child=_after_fork)
