"""What a page shows when the service goes away, and what a notebook shows that is opened again with a new kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.support.jupyter_lab import Lab, Notebook
from tests.support.scripted import ScriptedServer, message

pytestmark = pytest.mark.timeout(180)

Opener = Callable[..., Notebook]


def test_a_wait_survives_an_outage_and_shows_the_last_answer(opened: Opener) -> None:
    server = ScriptedServer(lambda call: message(call.id, description="Restore a backup"))
    notebook = opened(f"%op connect {server.address}", "%op wait op1")
    try:
        notebook.run_all()
        panel = notebook.cell(2)
        panel.locator(".dsops-status", has_text="running").wait_for()
        server.stop()
        warning = panel.locator(".dsops-warn", has_text="no answer for")
        warning.wait_for()
        told = warning.inner_text()
        assert "still trying; the operation itself goes on · last answer " in told
        notebook.page.wait_for_function(
            "told => document.querySelector('.dsops-warn').innerText !== told", arg=told
        )  # the seconds go on
        assert panel.locator(".dsops-status", has_text="running").is_visible()  # what was known last stays
    finally:
        server.stop()
    with ScriptedServer(lambda call: message(call.id, done=True), port=server.port):
        panel.get_by_role("cell", name="succeeded").wait_for()
    notebook.wait_done(2)


def test_the_result_is_there_with_a_new_kernel(opened: Opener, lab: Lab, browser: Browser) -> None:
    notebook = opened(
        "%op wait {simulate(duration=2, steps=2, description='Train')}",
        "%op wait {simulate(duration=600, description='Tune')} --timeout 2",
    )
    notebook.run_all()
    notebook.wait_done(2)
    notebook.cell(2).get_by_text("WaitTimeout: Stopped waiting after 2.0 s").wait_for()
    notebook.save()
    notebook.close()
    again = lab.open(browser, notebook.path.name)
    again.wait_for_kernel()
    again.cell(1).get_by_role("cell", name="succeeded").wait_for()
    again.cell(2).get_by_text("stopped waiting; to go on: %op wait").wait_for()
    text = again.page.locator(".jp-Notebook").inner_text()
    assert not [words for words in ("not found", "Loading widget", "Error displaying") if words in text]
    again.run(0)  # the kernel is a new one, and the widget manager has asked it for its models
    again.wait_done(0)
    assert again.page.locator(".jp-Notebook .widget-error, .jp-Notebook .jupyter-widgets-error-widget").count() == 0
    again.close()
