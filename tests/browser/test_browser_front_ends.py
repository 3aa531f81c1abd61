"""Other front ends than JupyterLab: Notebook 7, and a page without a widget manager."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_lab import Notebook, running_lab, write_notebook
from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(180)

Opener = Callable[..., Notebook]
_WAIT = "%op wait {simulate(duration=600, steps=600, description='Train')} --no-raise"


def check_the_panel(notebook: Notebook) -> None:
    notebook.run_all()
    panel = notebook.cell(1)
    panel.locator(".dsops-status", has_text="running").wait_for()
    panel.get_by_role("button", name="Cancel").click()
    panel.get_by_role("cell", name="cancelled").first.wait_for()
    assert panel.locator(".dsops").count() == 0


def test_notebook_7_shows_the_same_panel(opened: Opener) -> None:
    check_the_panel(opened(_WAIT, app="notebooks"))


def test_a_page_without_a_widget_manager_shows_html_that_ticks(browser: Browser, tmp_path: Path) -> None:
    setup = "%load_ext ds_ops_magic\n%op connect local\nfrom ds_ops_magic.local import shared"
    write_notebook(tmp_path / "plain.ipynb", setup, "%op wait {shared().simulate(duration=6, steps=6)}")
    with running_lab(tmp_path, widgets=False) as lab:
        notebook = lab.open(browser, "plain.ipynb")
        notebook.wait_for_kernel()
        notebook.run_all()
        output = notebook.cell(1)
        output.get_by_text("step 2 of 6").wait_for()
        output.get_by_text("step 4 of 6").wait_for()
        output.get_by_role("cell", name="succeeded").first.wait_for()
        assert output.locator("table").count() == 1
