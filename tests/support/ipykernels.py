"""Other versions than those of this environment: of ipykernel for one JupyterLab, and a JupyterLab of older days."""

from __future__ import annotations

import json
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

VERSIONS = ("6.29.5", "7.3.0", "7.4.0")
"""The three ways in which ipykernel hands messages to the main thread."""


def kernel_name(version: str) -> str:
    return f"ipykernel-{version}"


def install(folder: Path) -> Path:
    """Make an environment for each version, which takes all else from this one; returns a ``JUPYTER_PATH``."""
    for version in VERSIONS:
        _install(folder, kernel_name(version), f"ipykernel=={version}")
    return folder / "jupyter"


def install_of_2022(folder: Path) -> Path:
    """Make an environment with JupyterLab 3 and ipywidgets 7, whose kernel is its own; returns its Python."""
    lab = ["jupyterlab==3.6.8", "nbclassic==1.3.3", "jupyter_server_ydoc==0.8.0", "jupyter_server_fileid==0.9.3"]
    ydoc = ["jupyter_ydoc==0.2.5", "ypy-websocket==0.8.4", "y-py==0.6.2", "aiofiles==22.1.0", "aiosqlite==0.21.0"]
    widgets = [
        "ipywidgets==7.7.5",
        "jupyterlab_widgets==1.1.11",
        "widgetsnbextension==3.6.10",
        "ipython-genutils==0.2.0",
    ]
    return _environment(folder / "of-2022", *lab, *ydoc, *widgets, "ipykernel==6.29.5")


def _install(folder: Path, name: str, *packages: str) -> None:
    python = _environment(folder / name, *packages)
    spec = folder / "jupyter" / "kernels" / name
    spec.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": name, "language": "python"}))


def _environment(folder: Path, *packages: str) -> Path:
    """Make an environment of these packages alone, and all else that this one has; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", *packages], check=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    shared = [*site.getsitepackages(), *(path for path in sys.path if path and Path(path, "ds_ops_magic").is_dir())]
    (own / "shared.pth").write_text("\n".join(shared))
    return python
