"""The notebooks where nobody looks: `jupyter execute` and papermill."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
import unattended

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[notebook.stem for notebook in NOTEBOOKS])


def assert_complete_and_static(executed: Path) -> None:
    """Nothing may be kept that only a live page could show, and no cell may have failed."""
    saved = nbformat.read(executed, as_version=4)
    outputs = [output for cell in saved.cells for output in cell.get("outputs", [])]
    shown = [output for output in outputs if output.output_type in ("display_data", "execute_result")]
    assert outputs
    assert all(set(output.data) <= {"text/html", "text/plain"} for output in shown)
    assert not saved.metadata.get("widgets")
    assert not any(output.output_type == "error" for output in outputs)


def test_under_jupyter_execute(notebook: Path, tmp_path: Path) -> None:
    executed = tmp_path / notebook.name
    shutil.copy(notebook, executed)
    unattended.run("jupyter-execute", "--inplace", executed, cwd=tmp_path)
    assert_complete_and_static(executed)


def test_under_papermill(notebook: Path, tmp_path: Path) -> None:
    executed = tmp_path / notebook.name
    unattended.run("papermill", "--log-level", "ERROR", "--no-progress-bar", notebook, executed, cwd=tmp_path)
    assert_complete_and_static(executed)
