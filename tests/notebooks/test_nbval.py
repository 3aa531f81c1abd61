"""The notebooks under nbval, strictly: each output is compared with the one that is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
import unattended

HERE = Path(__file__).parent
NOTEBOOKS = sorted((HERE.parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[notebook.stem for notebook in NOTEBOOKS])
def test_every_cell_gives_what_is_stored(notebook: Path, tmp_path: Path) -> None:
    options = ("-q", "-c", "/dev/null", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env")
    sanitized = f"--nbval-sanitize-with={HERE / 'sanitize.cfg'}"
    assert "passed" in unattended.run("pytest", *options, sanitized, notebook, cwd=tmp_path)
