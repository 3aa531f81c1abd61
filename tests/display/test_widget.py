"""The widget panel: what its drawings send, and which operation a press of a button is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from ds_ops_magic.display.widget import MAX_SPARE_BUTTONS, WidgetPanel
from ds_ops_magic.model.view import Entry
from tests.support.panels import panel, snapshot

Sent = Counter[str]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Counts the messages that widgets send from now on, by kind."""
    kinds: Sent = Counter()

    class Counting(BaseComm):
        def publish_msg(self, msg_type: str, *_: Any, **__: Any) -> None:
            kinds[msg_type] += 1

    monkeypatch.setattr(comm, "create_comm", Counting)
    return kinds


@pytest.fixture
def pressed() -> list[str | None]:
    return []


@pytest.fixture
def shown(sent: Sent, pressed: list[str | None]) -> Iterator[WidgetPanel]:
    made = WidgetPanel(pressed.append, lambda: None)
    yield made
    made.close()
    assert sent["comm_open"] == sent["comm_close"]


def running(*names: str, **how: Any) -> Any:
    return panel(*(snapshot(name, **how) for name in names))


def cost(shown: WidgetPanel, sent: Sent, what: Any) -> dict[str, int]:
    """Return what a drawing sends, by kind; it says itself how much that is."""
    before = Counter(sent)
    said = shown.draw(what)
    spent = sent - before
    assert said == sum(spent.values())
    return dict(spent)


def press(button: Any) -> None:
    """Have a press arrive from the page."""
    button.comm.handle_msg({"content": {"data": {"method": "custom", "content": {"event": "click"}}}, "buffers": []})


def buttons(shown: WidgetPanel) -> tuple[Any, ...]:
    """Return the buttons that stand beside the rows, from the top."""
    children: tuple[Any, ...] = shown.box.children[2].children[1].children
    return children


def test_no_change_no_message(shown: WidgetPanel, sent: Sent) -> None:
    shown.draw(running("a", "b"))
    assert cost(shown, sent, running("a", "b")) == {}


def test_the_messages_of_a_new_row(shown: WidgetPanel, sent: Sent) -> None:
    shown.draw(running("a", "b"))
    # The head, the live rows, and which buttons stand there.
    assert cost(shown, sent, running("a", "c", "d")) == {"comm_open": 2, "comm_msg": 3}
    assert cost(shown, sent, running("a", "c")) == {"comm_msg": 3}


def test_the_messages_of_a_changed_button(shown: WidgetPanel, sent: Sent) -> None:
    shown.draw(running("a"))
    cancelling = panel(Entry("a", snapshot("a"), cancelling=True))
    assert cost(shown, sent, cancelling) == {"comm_msg": 2 + 1}  # the row, its button, and that of all
    [button] = buttons(shown)
    assert (button.description, button.disabled) == ("cancelling…", True)


def test_a_press_reaches_the_operation_of_the_button(shown: WidgetPanel, pressed: list[str | None]) -> None:
    shown.draw(running("a", "b", "c"))
    first, second, third = buttons(shown)
    shown.draw(running("b", "d", "e"))
    for button in (first, second, third, *buttons(shown)):  # the page may not have heard of the change yet
        press(button)
    assert pressed == ["a", "b", "c", "b", "d", "e"]


def test_a_row_that_comes_back(shown: WidgetPanel, pressed: list[str | None]) -> None:
    shown.draw(running("a"))
    shown.draw(running("b"))
    shown.draw(running("a"))
    press(buttons(shown)[0])
    assert pressed == ["a"]


def test_spare_buttons(shown: WidgetPanel, sent: Sent) -> None:
    for number in range(MAX_SPARE_BUTTONS + 10):
        shown.draw(running("stays", f"op{number}"))
    assert sent["comm_close"] == 9
    stays, last = buttons(shown)
    assert stays.comm is not None
    assert last.comm is not None
    assert cost(shown, sent, running("stays", "next")) == {"comm_open": 1, "comm_msg": 2, "comm_close": 1}


def test_cancel_all_asks_for_confirmation(sent: Sent) -> None:
    asked: list[str | None] = []
    woken: list[bool] = []
    wake: Callable[[], None] = lambda: woken.append(True)  # noqa: E731
    made = WidgetPanel(asked.append, wake)
    made.draw(running("a", "b"))
    everything = made.box.children[1].children[1]
    press(everything)
    assert (asked, woken) == ([], [True])
    assert cost(made, sent, running("a", "b")) == {"comm_msg": 1}
    assert everything.description == "Cancel 2 running?"
    press(everything)
    assert asked == [None]
    made.close()
