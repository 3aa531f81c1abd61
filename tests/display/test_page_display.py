"""The live panel in a page: how many messages it sends, how soon it answers, and what it does without threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from ds_ops_magic.display import page_display
from ds_ops_magic.display.page_display import HtmlDisplay, WidgetDisplay
from tests.support.following import client_of, until
from tests.support.scripted import Call, ScriptedServer, Stage, message
from tests.support.threadless import Threadless

NAMES = [f"op{number}" for number in range(60)]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Keeps what the widgets send from now on, and when."""
    messages: list[tuple[str, Any]] = []

    class Keeping(BaseComm):
        def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **__: Any) -> None:
            messages.append((msg_type, data))

    monkeypatch.setattr(comm, "create_comm", Keeping)
    return messages


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def shown(sent: list[Any], stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[WidgetDisplay]:
    """A live panel of many operations, in a page that takes what is published and shows nothing."""

    class Page:
        def update(self, *_: Any, **__: Any) -> None:
            sent.append(("update_display_data", None))

    monkeypatch.setattr(page_display, "publish", lambda *_, **__: Page())

    def cancel(call: Call) -> Any:
        return message(call.id, error=(1, "by user"))

    with ScriptedServer(stage, cancel) as server, client_of(server) as client:
        watch = client.watch(NAMES)
        until(lambda: all(watch.operations))
        made = WidgetDisplay(watch)
        made.start()
        yield made
        watch.stop()
        made.finish()


def test_messages_while_rows_come_and_go(shown: WidgetDisplay, sent: list[Any], stage: Stage) -> None:
    assert shown
    sent.clear()
    over, pause = time.monotonic() + 10.0, threading.Event()
    for name in NAMES:  # four end in a second, and others take their places
        if time.monotonic() >= over:
            break
        stage.set(name, done=True)
        pause.wait(0.25)
    assert 10 < len(sent) <= 50
    assert any(kind == "comm_open" for kind, _ in sent)


def test_a_press_in_a_pause(shown: WidgetDisplay, stage: Stage) -> None:
    panel: Any = shown._panel
    column = panel.box.children[2].children[1]
    ending = column.children[:5]  # which makes a large drawing, and a long pause after it
    for button in ending:
        stage.set(button.tooltip.split()[1], done=True)
    until(lambda: not set(ending) & set(column.children))
    button = column.children[0]
    pressed = time.monotonic()
    button.comm.handle_msg({"content": {"data": {"method": "custom", "content": {"event": "click"}}}, "buffers": []})
    until(lambda: button.description == "cancelling…")
    assert time.monotonic() - pressed < 0.3


class Page:
    """What is published in a page, the last of it."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def publish(self, bundle: dict[str, Any], *, updatable: bool = False) -> Page:
        self.update(bundle)
        return self

    def update(self, bundle: dict[str, Any], *, raw: bool = True) -> None:
        self.shown.append(bundle["text/plain"])


@pytest.mark.parametrize("kind", [HtmlDisplay, WidgetDisplay])
def test_a_wait_without_threads(
    kind: type[HtmlDisplay],
    sent: list[Any],
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
        shown = kind(watch)
        watch.wait(20, tick=lambda: (shown.tick(), stage.set("a", done=True)))
        shown.finish()
        threads.names.clear()
        assert "running" in page.shown[0]
        assert "succeeded" in page.shown[-1]
        assert capsys.readouterr().err.startswith("The panel is not live: No thread can be started here")
        other = kind(client.watch("b"))  # threads are there again
        other.start()
        drawn = len(page.shown)
        until(lambda: len(page.shown) > drawn or sent)
        other.finish()


def test_a_background_display_without_threads(
    sent: list[Any], stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page()
    monkeypatch.setattr(page_display, "publish", page.publish)
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        Threadless(monkeypatch, "ds_ops_magic redraw")
        WidgetDisplay(watch).start_in_background()
        assert "running" in page.shown[-1]
        assert [kind for kind, _ in sent][-1] == "comm_close"
        assert capsys.readouterr().err.count("\n") == 1
