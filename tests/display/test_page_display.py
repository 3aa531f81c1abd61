"""The live panel in a page: how many messages it sends, how soon it answers, and what it does without threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ds_ops_magic import OperationClient, Watch
from ds_ops_magic.display import page_display
from ds_ops_magic.display.page_display import HtmlDisplay, WidgetDisplay
from tests.support.following import client_of, until
from tests.support.panels import press
from tests.support.scripted import ScriptedServer, Stage, message
from tests.support.threadless import Threadless

IDS = [f"op{number}" for number in range(60)]


class Page:
    """A page that keeps the texts of what it shows."""

    def __init__(self, sent: list[str]) -> None:
        self.texts: list[str] = []
        self._sent = sent

    def publish(self, bundle: dict[str, Any], *, updatable: bool = False) -> Page:
        self.texts.append(bundle["text/plain"])
        return self

    def update(self, bundle: dict[str, Any], *, raw: bool) -> None:
        self._sent.append("update_display_data")
        self.publish(bundle)


@pytest.fixture(autouse=True)
def page(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> Page:
    page = Page(sent)
    monkeypatch.setattr(page_display, "publish", page.publish)
    return page


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def client(stage: Stage) -> Iterator[OperationClient]:
    server = ScriptedServer(stage, lambda call: message(call.id, error=(1, "by user")))
    with server, client_of(server) as client:
        yield client


@pytest.fixture
def watch(client: OperationClient) -> Watch:
    watch = client.watch("a")
    until(lambda: watch.operations[0])
    return watch


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threadless:
    return Threadless(monkeypatch, "ds_ops_magic redraw")


@pytest.fixture
def display(client: OperationClient) -> Iterator[WidgetDisplay]:
    """A live panel of many operations."""
    watch = client.watch(IDS)
    until(lambda: all(watch.operations))
    display = WidgetDisplay(watch)
    display.start()
    yield display
    watch.stop()
    display.finish()


@pytest.mark.usefixtures("display")
def test_messages_while_rows_come_and_go(sent: list[str], stage: Stage) -> None:
    sent.clear()
    began_at, pause = time.monotonic(), threading.Event()
    for operation_id in IDS[:40]:  # four end in a second, and others take their places
        stage.set(operation_id, done=True)
        pause.wait(0.25)
    assert 10 < len(sent) <= 5 * (time.monotonic() - began_at)
    assert "comm_open" in sent


def test_a_press_in_a_pause(display: WidgetDisplay, stage: Stage) -> None:
    panel: Any = display._panel
    column = panel.box.children[2].children[1]
    ending = column.children[:5]  # which makes a large drawing, and a long pause after it
    for button in ending:
        stage.set(button.tooltip.split()[1], done=True)
    until(lambda: not set(ending) & set(column.children))
    button = column.children[0]
    pressed_at = time.monotonic()
    press(button)
    until(lambda: button.description == "cancelling…")
    assert time.monotonic() - pressed_at < 0.3


@pytest.mark.parametrize("kind", [HtmlDisplay, WidgetDisplay])
@pytest.mark.usefixtures("threads")
def test_a_wait_without_threads(
    kind: type[HtmlDisplay], watch: Watch, page: Page, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    display = kind(watch)
    watch.wait(20, tick=lambda: (display.tick(), stage.set("a", done=True)))
    display.finish()
    assert "running" in page.texts[0]
    assert "succeeded" in page.texts[-1]
    assert capsys.readouterr().err.startswith("The panel is not live: No thread can be started here")


@pytest.mark.parametrize(("kind", "end"), [(HtmlDisplay, "update_display_data"), (WidgetDisplay, "comm_close")])
def test_a_background_display_without_threads(
    kind: type[HtmlDisplay], end: str, watch: Watch, page: Page, sent: list[str], threads: Threadless, capsys: Any
) -> None:
    kind(watch).start_in_background()
    assert "running" in page.texts[-1]
    assert sent[-1] == end
    assert capsys.readouterr().err.count("\n") == 1
    threads.names.clear()  # they are there again
    other = kind(watch)
    other.start()
    drawn = len(sent)
    until(lambda: len(sent) > drawn)
    other.finish()
