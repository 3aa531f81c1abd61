"""The live panel in a page: how many messages it sends, how soon it answers, and what it does without threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ds_ops_magic.display import page_display
from ds_ops_magic.display.page_display import HtmlDisplay, WidgetDisplay
from tests.support.following import client_of, until
from tests.support.panels import press
from tests.support.scripted import Call, ScriptedServer, Stage, message
from tests.support.threadless import Threadless

IDS = [f"op{number}" for number in range(60)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def display(sent: list[str], stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[WidgetDisplay]:
    """A live panel of many operations, in a page that takes what is published and shows nothing."""

    class Page:
        def update(self, *_: Any, **__: Any) -> None:
            sent.append("update_display_data")

    monkeypatch.setattr(page_display, "publish", lambda *_, **__: Page())

    def cancel(call: Call) -> Any:
        return message(call.id, error=(1, "by user"))

    with ScriptedServer(stage, cancel) as server, client_of(server) as client:
        watch = client.watch(IDS)
        until(lambda: all(watch.operations))
        display = WidgetDisplay(watch)
        display.start()
        yield display
        watch.stop()
        display.finish()


def test_messages_while_rows_come_and_go(display: WidgetDisplay, sent: list[str], stage: Stage) -> None:
    assert display
    sent.clear()
    over, pause = time.monotonic() + 10.0, threading.Event()
    for operation_id in IDS:  # four end in a second, and others take their places
        if time.monotonic() >= over:
            break
        stage.set(operation_id, done=True)
        pause.wait(0.25)
    assert 10 < len(sent) <= 50
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


class Page:
    """A page that keeps the texts of what it shows."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def publish(self, bundle: dict[str, Any], *, updatable: bool = False) -> Page:
        self.update(bundle)
        return self

    def update(self, bundle: dict[str, Any], *, raw: bool = True) -> None:
        self.texts.append(bundle["text/plain"])


@pytest.mark.parametrize("kind", [HtmlDisplay, WidgetDisplay])
def test_a_wait_without_threads(
    kind: type[HtmlDisplay],
    sent: list[str],
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = Page()
    monkeypatch.setattr(page_display, "publish", page.publish)
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        threads = Threadless(monkeypatch, "ds_ops_magic redraw")
        display = kind(watch)
        watch.wait(20, tick=lambda: (display.tick(), stage.set("a", done=True)))
        display.finish()
        threads.names.clear()
        assert "running" in page.texts[0]
        assert "succeeded" in page.texts[-1]
        assert capsys.readouterr().err.startswith("The panel is not live: No thread can be started here")
        other = kind(client.watch("b"))  # threads are there again
        other.start()
        drawn = len(page.texts)
        until(lambda: len(page.texts) > drawn or sent)
        other.finish()


def test_a_background_display_without_threads(
    sent: list[str], stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page()
    monkeypatch.setattr(page_display, "publish", page.publish)
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        Threadless(monkeypatch, "ds_ops_magic redraw")
        WidgetDisplay(watch).start_in_background()
        assert "running" in page.texts[-1]
        assert sent[-1] == "comm_close"
        assert capsys.readouterr().err.count("\n") == 1
