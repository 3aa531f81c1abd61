"""The notebooks where nobody looks: `jupyter execute` and papermill. (nbval runs them as part of the suite itself.)"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def start(*command: object, cwd: Path) -> subprocess.Popen[str]:
    program, *arguments = map(str, command)
    installed = Path(sys.executable).with_name(program)
    return subprocess.Popen([installed, *arguments], cwd=cwd, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=110)
    assert process.returncode == 0, errors[-2000:]


def test_every_notebook_runs_and_keeps_nothing_that_only_a_live_page_could_show(tmp_path: Path) -> None:
    assert len(NOTEBOOKS) >= 3
    executed, milled = tmp_path / "executed", tmp_path / "milled"
    for folder in (executed, milled):
        folder.mkdir()
    runs = []
    for notebook in NOTEBOOKS:
        nbformat.write(nbformat.read(notebook, as_version=4), executed / notebook.name)
        milling = ("papermill", "--log-level", "ERROR", "--no-progress-bar", notebook, milled / notebook.name)
        runs += [
            start("jupyter-execute", "--inplace", executed / notebook.name, cwd=executed),
            start(*milling, cwd=milled),
        ]
    for run in runs:
        finish(run)
    for folder in (executed, milled):
        for notebook in NOTEBOOKS:
            saved = nbformat.read(folder / notebook.name, as_version=4)
            outputs = [output for cell in saved.cells for output in cell.get("outputs", [])]
            shown = [output for output in outputs if output.output_type in ("display_data", "execute_result")]
            assert all(set(output.data) <= {"text/html", "text/plain"} for output in shown)
            assert not saved.metadata.get("widgets")
            assert not any(output.output_type == "error" for output in outputs)
