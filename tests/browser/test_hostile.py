"""What a hostile server sends is text: in the live panel, in the result, in nbconvert's page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page

from tests.support import REPOSITORY
from tests.support.jupyter_lab import Notebook

pytestmark = pytest.mark.timeout(240)

Opener = Callable[..., Notebook]
# Nothing ends before the page was looked at, which a file beside the notebook says of the operation, or of its batch.
_SERVE = f"""\
import sys; from pathlib import Path; sys.path.insert(0, {str(REPOSITORY)!r}); from tests.support import hostile
batches = [hostile.IDS[n:n + 16] for n in range(0, len(hostile.IDS), 16)]
batch_of = {{name: f"batch{{number}}" for number, batch in enumerate(batches) for name in batch}}
server = hostile.serve(lambda call: Path("seen-" + batch_of.get(call.id, call.id)).exists())
server_address = server.address"""

_STRANGERS = """selector => [...document.querySelectorAll(`:is(${selector}) *`)].filter(node =>
    node.matches('script, iframe, object, embed, img, video, form, link, meta, base, math')
    || [...node.attributes].some(({name, value}) =>
        name.startsWith('on') || (!['title', 'aria-label'].includes(name) && /^\\s*javascript:/i.test(value)))
).map(node => node.outerHTML)"""


def strangers(page: Page, selector: str) -> list[str]:
    """Find elements in the output that no template of ours writes, all in one moment."""
    assert page.locator(selector).count() > 0
    return list(page.evaluate(_STRANGERS, selector))


def seen(notebook: Notebook, what: str) -> None:
    notebook.path.with_name(f"seen-{what}").touch()


def heights(panel: Locator) -> list[int]:
    """Measure the rows, all in one moment: those that a drawing has replaced have none."""
    return list(panel.evaluate("cell => [...cell.querySelectorAll('.dsops-row')].map(row => row.offsetHeight)"))


def test_hostile_text_neither_runs_nor_breaks_the_layout(opened: Opener) -> None:
    waits = [f"%op wait {{batches[{number}]}} --no-raise" for number in range(4)]
    notebook = opened(_SERVE, "%op connect {server_address}", *waits)
    notebook.run_all()
    for number, index in enumerate(range(3, 7)):
        panel = notebook.cell(index)
        panel.locator(".dsops-status").first.wait_for(timeout=60_000)
        assert set(heights(panel)) == {44}
        assert panel.locator(".jp-OutputArea-output").first.evaluate("o => o.scrollWidth <= o.clientWidth + 1")
        assert strangers(notebook.page, ".dsops") == []
        seen(notebook, f"batch{number}")
        notebook.wait_done(index, timeout=60)
        panel.locator("table").wait_for()
    assert strangers(notebook.page, ".jp-RenderedHTMLCommon table") == []
    assert notebook.page.evaluate("window.pwned") is None
    saved = notebook.save()
    for index in range(3, 7):
        (output,) = saved.cells[index].outputs
        assert len(output.data["text/html"]) < 100_000
        assert not set(output.data["text/plain"]) & set(
            map(chr, [*range(10), *range(11, 32), *range(127, 160), 0x202E])
        )
    _check_nbconvert(notebook)


def _check_nbconvert(notebook: Notebook) -> None:
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output", "converted", str(notebook.path)],
        check=True,
        capture_output=True,
    )
    with notebook.page.context.new_page() as page:
        page.goto(notebook.path.with_name("converted.html").as_uri(), wait_until="domcontentloaded")
        assert page.locator("table").count() >= 4
        assert strangers(page, ".jp-RenderedHTMLCommon table") == []
        assert page.evaluate("window.pwned") is None


def test_ten_megabytes_of_description_are_shown_cut(opened: Opener) -> None:
    notebook = opened(_SERVE, "%op connect {server_address}", "%op wait huge")
    notebook.run_all()
    panel = notebook.cell(3)
    panel.locator(".dsops-row").wait_for()
    assert heights(panel) == [44]
    seen(notebook, "huge")
    notebook.wait_done(3)
    panel.locator("table").wait_for()
    assert len(panel.inner_text()) < 3000
