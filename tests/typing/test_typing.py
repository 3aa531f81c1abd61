"""The public API and the examples of the README under mypy --strict and pyright."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY

# What the examples take for granted.
GIVEN = "id, other_id, project_id = 'bt1k9s3c2nq8r5v7m0fd', 'bt1aaaaaaaaaaaaaaaaa', 'bt1bbbbbbbbbbbbbbbbb'\n"
PYRIGHT = {
    "extraPaths": [str(REPOSITORY)],
    "pythonVersion": "3.10",
    "enableTypeIgnoreComments": False,
    "reportUnnecessaryTypeIgnoreComment": "error",
    "reportPrivateImportUsage": False,  # yandexcloud does not say that it exports SDK
}
pytestmark = [pytest.mark.timeout(160), pytest.mark.parametrize("checker", ["mypy", "pyright"])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that is to be checked: the examples are those that are not for a notebook."""
    made = tmp_path_factory.mktemp("typing")
    for name in ("client.py", "values.py"):
        shutil.copy(Path(__file__).parent / name, made)
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    for number, block in enumerate(block for block in blocks if not block.startswith("%")):
        (made / f"example_{number}.py").write_text(GIVEN * ("(id" in block) + block)
    return made


def check(checker: str, folder: Path) -> None:
    """Have a type checker accept a folder against this tree, whatever else is installed."""
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    options = ["--strict"] if checker == "mypy" else ["--pythonpath", sys.executable, "--project"]
    command = [sys.executable, "-m", checker, *options, str(folder)]
    environment = {**os.environ, **dict.fromkeys(("MYPYPATH", "PYTHONPATH"), str(REPOSITORY))}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_api_and_the_examples(checker: str, folder: Path) -> None:
    check(checker, folder)


def test_a_mistake_is_found(checker: str, tmp_path: Path) -> None:
    (tmp_path / "mistake.py").write_text("from ds_ops_magic import connect\n\nconnect().wait(5)\n")
    with pytest.raises(AssertionError, match=r'argument|"wait"'):
        check(checker, tmp_path)
