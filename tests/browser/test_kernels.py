"""Clicks, queued cells and reloads while a cell blocks, on every way in which ipykernel hands out messages."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable

import pytest

from ds_ops_magic.local.simulation import CANCEL_DURATION
from tests.support.ipykernels import VERSIONS
from tests.support.jupyter_lab import Notebook

pytestmark = [pytest.mark.timeout(240), pytest.mark.parametrize("version", VERSIONS)]

Opener = Callable[..., Notebook]
_JOBS = "jobs = [simulate(duration=600, description=f'job {n}') for n in range(5)]; order = []"


def test_cancel_is_heard_while_the_cell_blocks(opened: Opener, version: str) -> None:
    notebook = opened(
        _JOBS,
        "%op wait jobs --no-raise -o done",
        "order.append(3)",
        "order.append(4)",
        "import json, ipykernel\n"
        "print(json.dumps([ipykernel.__version__, order, {j.title: j.modified_at.timestamp() for j in done}]))",
        version=version,
    )
    notebook.page.evaluate(
        "window.clicks = {}; addEventListener('click', event => {"
        " const button = event.target.closest('button[title^=\"Cancel job\"]');"
        " if (button) window.clicks[button.title.slice(7, 12)] = Date.now() / 1000; }, true)"
    )
    notebook.run_all()
    panel = notebook.cell(2)
    for number in range(5):
        panel.get_by_title(f"Cancel job {number}").click()
        panel.get_by_title(f"Cancel job {number}").wait_for(state="detached")
    notebook.wait_done(5)
    clicks = notebook.page.evaluate("window.clicks")
    running, order, ended = json.loads(notebook.output(5).inner_text())
    assert running == version
    assert order == [3, 4]  # nothing of Run All was lost, doubled, or run out of turn
    delays = [ended[name] - CANCEL_DURATION / 1e9 - at for name, at in clicks.items()]
    assert len(delays) == 5
    assert statistics.median(delays) < 0.3


def test_a_page_that_is_loaded_again_keeps_the_panel_alive(opened: Opener, version: str) -> None:
    notebook = opened("%op wait {simulate(duration=600, steps=600, description='Train')} --no-raise", version=version)
    notebook.run_all()
    notebook.cell(1).locator(".dsops-status", has_text="running").wait_for()
    notebook.save()
    notebook.reload()
    panel = notebook.cell(1)
    panel.locator(".dsops-status", has_text="running").wait_for()
    before = panel.locator("[role=progressbar] + .dsops-quiet").inner_text()
    notebook.page.wait_for_function(
        "before => document.querySelector('[role=progressbar] + .dsops-quiet').innerText !== before", arg=before
    )
    panel.get_by_role("button", name="Cancel").click()
    panel.get_by_role("cell", name="cancelled").first.wait_for()
    assert panel.get_by_role("button", name="Cancel").count() == 0
