"""DataSphere's jobs in a page: forcing is a press of its own, a failure keeps its stderr, a log is followed live."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.jupyter_lab import Notebook

pytestmark = pytest.mark.timeout(180)

Opener = Callable[..., Notebook]


def test_what_stops_gracefully_is_forced_by_a_button_of_its_own(opened: Opener) -> None:
    notebook = opened("%op wait {simulate(duration=600, graceful=300, description='Train')}")
    notebook.run_all()
    panel = notebook.cell(1)
    force = panel.get_by_role("button", name="Force")
    panel.get_by_role("button", name="Cancel").click()
    force.wait_for()
    assert force.is_disabled()  # for three seconds
    expect(panel.get_by_role("button", name="cancelling…")).to_be_disabled()
    expect(force).to_be_enabled(timeout=10_000)
    force.click()
    notebook.wait_done(1)
    panel.get_by_role("cell", name="cancelled", exact=False).first.wait_for()


def test_a_failure_keeps_the_end_of_its_stderr(opened: Opener) -> None:
    log = "['loading', ('stderr', '<b>Traceback</b>'), ('stderr', 'MemoryError')]"
    notebook = opened(f"%op wait {{simulate(duration=1, log={log}, return_code=137)}}")
    notebook.run_all()
    notebook.wait_done(1)
    result = notebook.cell(1)
    result.get_by_text("exit code 137: killed (SIGKILL), mostly because it ran out of memory").first.wait_for()
    lines = result.locator("details", has_text="the end of stderr")
    assert lines.locator("pre").inner_text().splitlines() == ["<b>Traceback</b>", "MemoryError"]
    assert "ProgramFailed" in result.inner_text()
    saved = "".join(str(output) for output in notebook.save().cells[1].outputs)
    assert "MemoryError" in saved
    assert "loading" not in saved


def test_a_log_is_followed_while_the_job_runs(opened: Opener) -> None:
    log = "[f'epoch {number}' for number in range(500)]"
    notebook = opened(f"%op logs {{simulate(duration=5, log={log})}} -f")
    notebook.run_all()
    shown = notebook.cell(1)
    shown.get_by_text("epoch 30", exact=False).first.wait_for()
    assert shown.get_by_text("epoch 499").count() == 0
    notebook.wait_done(1)
    shown.get_by_text("epoch 499", exact=False).first.wait_for()
    shown.get_by_text("500 lines in all; the operation succeeded.").wait_for()
    assert shown.get_by_text("epoch 250", exact=False).count() == 0  # the last 200 stay
