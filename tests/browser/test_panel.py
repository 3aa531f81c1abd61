"""The panel as a user meets it: in a page of JupyterLab, with real clicks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.jupyter_lab import Notebook

pytestmark = pytest.mark.timeout(180)

Opener = Callable[..., Notebook]


def mime_types(saved: Any, index: int) -> list[set[str]]:
    return [set(output.data) for output in saved.cells[index].outputs if output.output_type == "display_data"]


def test_a_wait_is_live_and_leaves_a_static_result(opened: Opener) -> None:
    notebook = opened("%op wait {simulate(duration=4, steps=4, description='Tune a model')}", "'after'")
    notebook.run_all()
    panel = notebook.cell(1)
    panel.locator(".dsops-status", has_text="running").wait_for()
    panel.locator("[role=progressbar][aria-valuenow='50']").wait_for()
    assert "Tune a model" in panel.inner_text()
    assert panel.get_by_role("button", name="Cancel").is_enabled()
    notebook.wait_done(2)
    panel.get_by_role("cell", name="succeeded").wait_for()
    assert panel.locator(".dsops").count() == 0
    assert panel.locator(".jp-OutputPrompt", has_text="[").count() == 0  # the result is not shown twice
    saved = notebook.save()
    assert mime_types(saved, 1) == [{"text/html", "text/plain"}]
    assert "widgets" not in saved.metadata


def test_cancel_works_while_the_cell_blocks(opened: Opener) -> None:
    notebook = opened("%op wait {simulate(duration=600, description='Train')}", "print('after')")
    notebook.run_all()
    panel = notebook.cell(1)
    panel.get_by_role("button", name="Cancel").click()
    notebook.wait_done(1)
    panel.get_by_text("OperationCancelled: Operation").wait_for()
    panel.get_by_role("cell", name="cancelled", exact=False).first.wait_for()
    assert notebook.output(2).count() == 0


def test_a_cancel_that_is_refused_does_not_end_the_wait(opened: Opener) -> None:
    notebook = opened("%op wait {simulate(duration=5, outcome='no-cancel', description='Upload')}")
    notebook.run_all()
    panel = notebook.cell(1)
    panel.get_by_role("button", name="Cancel").click()
    panel.get_by_text("cannot be cancelled: its service does not support it").wait_for()
    notebook.wait_done(1)
    panel.get_by_role("cell", name="succeeded").wait_for()


def test_stop_ends_the_wait_and_says_how_to_go_on(opened: Opener) -> None:
    notebook = opened("%op wait {simulate(duration=600, description='Train')}", "print('after')")
    notebook.run_all()
    panel = notebook.cell(1)
    panel.locator(".dsops-status", has_text="running").wait_for()
    notebook.interrupt()
    panel.get_by_text("To go on waiting: %op wait").wait_for()
    panel.get_by_text("WaitInterrupted: Stopped waiting; the operation goes on.").wait_for()
    assert notebook.output(2).count() == 0


def test_watch_updates_while_other_cells_run(opened: Opener) -> None:
    notebook = opened(
        "watching = %op watch {simulate(duration=3, steps=3, description='In the background')}",
        "print('not blocked')",
    )
    notebook.run_all()
    notebook.output(2).get_by_text("not blocked").wait_for()
    panel = notebook.cell(1)
    panel.locator(".dsops-status", has_text="running").wait_for()
    panel.get_by_role("cell", name="succeeded").wait_for()
    assert "In the background" not in notebook.cell(2).inner_text()
    assert mime_types(notebook.save(), 1) == [{"text/html", "text/plain"}]
