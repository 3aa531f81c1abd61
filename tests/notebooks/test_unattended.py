"""The notebooks where nobody looks: under nbval, strictly, under `jupyter execute`, and under papermill."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from tests.notebooks import cloud

HERE = Path(__file__).parent
NOTEBOOKS = sorted((HERE.parents[1] / "notebooks").glob("*.ipynb"))


def run_program(program: str, *arguments: object, cwd: Path, **variables: str) -> str:
    """Run a program of this environment to its end, which must be a good one, and return what it printed.

    These programs choose free TCP ports for their kernel, which binds them only after a second. When another process
    took one in between, the kernel dies before any cell has run; then, and only then, the program is run once more.
    """
    command = [Path(sys.executable).with_name(program), *arguments]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False, env={**os.environ, **variables}
        )
        said = done.stdout + done.stderr
        if done.returncode == 0 or "Kernel died before replying to kernel_info" not in said:
            break
    assert done.returncode == 0, said[-5000:]
    return done.stdout


def nbval(notebook: Path, folder: Path, variables: dict[str, str]) -> str:
    options = ("-q", "-c", "/dev/null", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env")
    sanitized = f"--nbval-sanitize-with={HERE / 'sanitize.cfg'}"
    return run_program("pytest", *options, sanitized, notebook, cwd=folder, **variables)


def jupyter_execute(notebook: Path, folder: Path, variables: dict[str, str]) -> Path:
    executed = folder / notebook.name
    shutil.copy(notebook, executed)
    run_program("jupyter-execute", "--inplace", executed, cwd=folder, **variables)
    return executed


def papermill(notebook: Path, folder: Path, variables: dict[str, str]) -> Path:
    executed = folder / notebook.name
    options = ("--log-level", "ERROR", "--no-progress-bar")
    run_program("papermill", *options, notebook, executed, cwd=folder, **variables)
    return executed


Program = Callable[[Path, Path, dict[str, str]], object]


def run(program: Program, notebook: Path, folder: Path) -> object:
    """Run a notebook under a program; datasphere_job.ipynb finds a cloud, the others none."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(cloud.running_cloud(folder)) if notebook == cloud.NOTEBOOK else {}
        return program(notebook, folder, found)


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=[notebook.stem for notebook in NOTEBOOKS])
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Program, Future[object]]]:
    """A notebook under every program, all at the same time: mostly it waits."""
    folder = tmp_path_factory.mktemp(request.param.stem)
    with ThreadPoolExecutor() as threads:
        yield {
            program: threads.submit(run, program, request.param, folder / program.__name__)
            for program in (nbval, jupyter_execute, papermill)
        }


def test_every_cell_gives_what_is_stored(runs: dict[Program, Future[object]]) -> None:
    assert "passed" in runs[nbval].result()


@pytest.mark.parametrize("program", [jupyter_execute, papermill])
def test_nothing_is_kept_that_only_a_live_page_could_show(
    runs: dict[Program, Future[object]], program: Program
) -> None:
    saved = nbformat.read(runs[program].result(), as_version=4)
    outputs = [output for cell in saved.cells for output in cell.get("outputs", [])]
    shown = [output for output in outputs if output.output_type in ("display_data", "execute_result")]
    assert outputs
    assert all(set(output.data) <= {"text/html", "text/plain"} for output in shown)
    assert not saved.metadata.get("widgets")
    assert not any(output.output_type == "error" for output in outputs)
