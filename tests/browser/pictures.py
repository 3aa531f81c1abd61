"""Remake the pictures of the README: ``python -m tests.browser.pictures``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.support import REPOSITORY
from tests.support.jupyter_lab import SETUP, Lab, Notebook, running_browser, running_lab, write_notebook

IMAGES = REPOSITORY / "notebooks" / "images"

_JOBS = """\
jobs = [
    simulate(duration=20, steps=1000, description="Tune model gemma-ru"),
    simulate(duration=16, steps=8, outcome="failing", description="Restore backup to vm-17"),
    simulate(duration=1, outcome="failure", description="Create project nlp-demo"),
    simulate(duration=3, description="Delete project old-demo"),
]"""


_MANY = """\
outcomes = ["success"] * 96 + ["failing", "failure", "failure", "cancelled"]
jobs = [
    simulate(duration=5 + n % 1000 / 8, steps=9, outcome=outcomes[n % 100], description=f"Execute job part-{n:04}")
    for n in range(10_000)
]"""


def main() -> None:
    """Take pictures of a live panel, of what it leaves behind, and of a folded one, in both themes."""
    IMAGES.mkdir(exist_ok=True)
    with running_browser() as browser:
        for theme in ("light", "dark"):
            with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder), dark=theme == "dark") as lab:
                _take_few(_opened(lab, browser, "few.ipynb", _JOBS), theme)
                _take_many(_opened(lab, browser, "many.ipynb", _MANY), theme)


def _take_few(notebook: Notebook, theme: str) -> None:
    notebook.run_all()
    notebook.cell(2).locator(".dsops-status", has_text="failing").wait_for(timeout=60_000)
    _shoot(notebook, f"panel-{theme}.png")
    notebook.wait_done(2, timeout=60)
    notebook.cell(2).locator("table").wait_for()
    _shoot(notebook, f"result-{theme}.png")


def _take_many(notebook: Notebook, theme: str) -> None:
    notebook.run_all()
    notebook.wait_done(1, timeout=60)
    notebook.cell(2).get_by_text("left at this rate").wait_for(timeout=180_000)
    _shoot(notebook, f"many-{theme}.png")


def _opened(lab: Lab, browser: Browser, name: str, jobs: str) -> Notebook:
    write_notebook(lab.folder / name, SETUP, jobs, "%op wait jobs --no-raise")
    notebook = lab.open(browser, name)
    notebook.wait_for_kernel()
    return notebook


def _shoot(notebook: Notebook, name: str) -> None:
    notebook.cell(2).screenshot(path=IMAGES / name, animations="disabled")


if __name__ == "__main__":
    main()
