"""What kind of front end runs the current cell, as far as a kernel can know it."""

from __future__ import annotations

import enum
import os
import sys
from typing import Any


class FrontEnd(enum.Enum):
    """Where output goes."""

    PAGE = "a notebook page that shows widgets and updates displays"
    TERMINAL = "a terminal whose last line can be rewritten"
    NOBODY = "a file, a pipe or an unattended run: what is printed stays"


def front_end(shell: Any) -> FrontEnd:
    """Tell what runs the current cell.

    JupyterLab and Notebook send the cell's id with each request, nbclient (and so papermill and nbval) sends nothing,
    and VS Code sets variables of its own in the kernel's environment.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return FrontEnd.TERMINAL if sys.stdout.isatty() else FrontEnd.NOBODY
    metadata = _request(kernel).get("metadata") or {}
    by_page = "cellId" in metadata or "trusted" in metadata
    return FrontEnd.PAGE if by_page or "VSCODE_PID" in os.environ else FrontEnd.NOBODY


def _request(kernel: Any) -> dict[str, Any]:
    try:
        return dict(kernel.get_parent("shell") or {})
    except (AttributeError, LookupError, TypeError):
        return {}
