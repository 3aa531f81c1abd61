"""However much goes on, the page is told little, and stays at the user's service."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.support.jupyter_lab import Notebook
from tests.support.scripted import ScriptedServer, message

pytestmark = pytest.mark.timeout(240)

Opener = Callable[..., Notebook]
_ONE = "jobs = [simulate(duration=600, steps=1000, description='Train')]"
_MANY = (
    "outcomes = ['success'] * 7 + ['failing', 'failure', 'cancelled']\n"
    "jobs = [simulate(duration=5 + n % 400 / 4, steps=9, outcome=outcomes[n % 10], description=f'job {n}')"
    " for n in range(10_000)]"
)


@pytest.mark.parametrize("jobs", [_ONE, _MANY], ids=["one", "ten-thousand"])
def test_at_most_five_messages_a_second_and_a_key_echoes(opened: Opener, jobs: str) -> None:
    notebook = opened(jobs, "%op wait jobs", "")
    received = notebook.received
    notebook.run_all()
    notebook.wait_done(1, timeout=60)
    notebook.cell(2).locator(".dsops-status").first.wait_for()
    received.clear()
    began = time.monotonic()
    echoes = []
    editor = notebook.cell(3).locator(".cm-content")
    editor.click()
    while time.monotonic() - began < 10.0:
        typed = len(echoes) + 1
        at = time.monotonic()
        notebook.page.keyboard.press("x")
        notebook.page.wait_for_function(
            "n => document.querySelectorAll('.jp-Cell .cm-content')[3].innerText.trim().length >= n", arg=typed
        )
        echoes.append(time.monotonic() - at)
        notebook.page.wait_for_timeout(400)
    lasted = time.monotonic() - began
    assert received, "no message was seen at all: this would not notice too many"
    assert len(received) / lasted <= 5.0
    assert sorted(echoes)[len(echoes) // 2] < 0.2
    notebook.interrupt()


def test_a_moving_bar_does_not_lay_the_page_out_anew(opened: Opener) -> None:
    """As a margin that moved it cost the page a third of a core."""
    with ScriptedServer(lambda call: message(call.id)) as server:
        notebook = opened(f"%op connect {server.address}", "%op wait op1")
        notebook.run_all()
        notebook.cell(2).locator(".dsops-idle").wait_for()
        moving = notebook.page.evaluate(
            "document.getAnimations().filter(one => one.animationName?.startsWith('dsops'))"
            ".flatMap(one => one.effect.getKeyframes()).flatMap(Object.keys)"
        )
        notebook.interrupt()
    assert set(moving) - {"offset", "computedOffset", "easing", "composite"} == {"transform"}


def test_a_tick_closes_nothing_and_keeps_the_selection(opened: Opener) -> None:
    notebook = opened(
        "jobs = [simulate(duration=0.5, description='Quick'), simulate(duration=600, steps=600, description='Long')]",
        "%op wait jobs",
    )
    notebook.run_all()
    panel = notebook.cell(2)
    panel.locator(".dsops-ended summary").first.click()
    panel.locator(".dsops-ended .dsops-id").evaluate("node => getSelection().selectAllChildren(node)")
    selected = notebook.page.evaluate("getSelection().toString()")
    note = panel.locator("[role=progressbar] + .dsops-quiet")
    for _ in range(3):
        before = note.inner_text()
        notebook.page.wait_for_function(
            "before => document.querySelector('[role=progressbar] + .dsops-quiet').innerText !== before", arg=before
        )
    assert selected.startswith("loc")
    assert notebook.page.evaluate("getSelection().toString()") == selected
    assert panel.locator(".dsops-ended details").first.get_attribute("open") is not None
    notebook.interrupt()


def test_cancel_all_asks_once_more(opened: Opener) -> None:
    notebook = opened(
        "jobs = [simulate(duration=600) for n in range(30)]", "%op wait jobs --no-raise -o done", "len(done.failed)"
    )
    notebook.run_all()
    panel = notebook.cell(2)
    panel.get_by_role("button", name="Cancel all").click()
    panel.get_by_role("button", name="Cancel 30 running?").click()
    notebook.wait_done(3)
    assert notebook.output(3).inner_text() == "30"


def test_stop_is_prompt_and_leaves_a_static_result(opened: Opener) -> None:
    notebook = opened("%op wait {[simulate(duration=600) for n in range(3)]}", "print('after')")
    panel = notebook.cell(1)
    took = []
    for _ in range(3):
        notebook.run_all()
        panel.locator(".dsops-status").first.wait_for()
        at = time.monotonic()
        notebook.interrupt()
        panel.get_by_text("stopped waiting; to go on").wait_for()
        took.append(time.monotonic() - at)
        notebook.wait_done(1)
        assert notebook.output(2).count() == 0
    assert statistics.median(took) < 0.5


def test_tab_completion(opened: Opener) -> None:
    notebook = opened("job_of_mine = simulate(duration=0)\n%op wait job_of_mine", "", "", "")
    notebook.run(0)
    notebook.run(1)
    notebook.wait_done(1)
    for index, typed, offered in [
        (2, "%op wa", "watch"),
        (3, "%op wait --ti", "--timeout"),
        (4, "%op wait job", "job_of_mine"),
    ]:
        notebook.cell(index).locator(".cm-content").click()
        notebook.page.keyboard.type(typed)
        completed = notebook.page.locator(".jp-Completer", has_text=offered)
        inserted = notebook.cell(index).get_by_text(f"{typed.rpartition(' ')[0]} {offered}")
        # JupyterLab gives up on a kernel that has not completed within a second: then the key is pressed again.
        for _ in range(10):
            notebook.page.keyboard.press("Tab")
            with contextlib.suppress(PlaywrightTimeout):
                completed.or_(inserted).first.wait_for(timeout=3_000)
                break
        else:
            raise TimeoutError(f"{typed} was not completed to {offered}")
        notebook.page.keyboard.press("Escape")
