"""Front ends with a server of their own: Notebook 7, a JupyterLab without a widget manager, one with ipywidgets 7."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support import ipykernels
from tests.support.jupyter_lab import SETUP, Notebook, running_lab, write_notebook

pytestmark = pytest.mark.timeout(180)

_WAIT = "%op wait {simulate(duration=600, steps=600, description='Train')} --no-raise"


def check_the_panel(notebook: Notebook) -> None:
    notebook.run_all()
    panel = notebook.cell(1)
    panel.locator(".dsops-status", has_text="running").wait_for()
    panel.get_by_role("button", name="Cancel").click()
    panel.get_by_role("cell", name="cancelled").first.wait_for()
    assert panel.locator(".dsops").count() == 0


def test_notebook_7_shows_the_same_panel(browser: Browser, tmp_path: Path) -> None:
    write_notebook(tmp_path / "seven.ipynb", SETUP, _WAIT)
    with running_lab(tmp_path) as lab:
        notebook = lab.open(browser, "seven.ipynb", app="notebooks")
        notebook.wait_for_kernel()
        check_the_panel(notebook)


def test_html_ticks_in_a_page_without_widgets(browser: Browser, tmp_path: Path) -> None:
    write_notebook(tmp_path / "plain.ipynb", SETUP, "%op wait {simulate(duration=6, steps=6)}")
    with running_lab(tmp_path, widgets=False) as lab:
        notebook = lab.open(browser, "plain.ipynb")
        notebook.wait_for_kernel()
        notebook.run_all()
        output = notebook.cell(1)
        output.get_by_text("step 2 of 6").wait_for()
        output.get_by_text("step 4 of 6").wait_for()
        output.get_by_role("cell", name="succeeded").first.wait_for()
        assert output.locator("table").count() == 1


def test_the_same_panel_with_ipywidgets_7(browser: Browser, tmp_path: Path) -> None:
    python = ipykernels.install_of_2022(tmp_path)
    write_notebook(
        tmp_path / "old.ipynb", SETUP, _WAIT, "import ipywidgets; print('ipywidgets', ipywidgets.__version__)"
    )
    with running_lab(tmp_path, python=python) as lab:
        notebook = lab.open(browser, "old.ipynb")
        notebook.wait_for_kernel()
        check_the_panel(notebook)
        notebook.cell(2).get_by_text("ipywidgets 7.7.5", exact=True).wait_for()
