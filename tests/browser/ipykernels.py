"""Kernels of several versions of ipykernel, each in a virtual environment of its own, for one JupyterLab."""

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
    """Make the environments below a folder.

    Each has its own ipykernel, and takes all else from the environment that runs the tests.

    Returns:
        A folder for ``JUPYTER_PATH``.
    """
    for version in VERSIONS:
        _install(folder, kernel_name(version), f"ipykernel=={version}")
    return folder / "jupyter"


def _install(folder: Path, name: str, *packages: str) -> None:
    environment = folder / name
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", *packages], check=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    shared = [*site.getsitepackages(), *(path for path in sys.path if path and Path(path, "ds_ops_magic").is_dir())]
    (own / "shared.pth").write_text("\n".join(shared))
    spec = folder / "jupyter" / "kernels" / name
    spec.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": name, "language": "python"}))
