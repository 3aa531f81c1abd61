"""The widget panel: which messages it sends, and which operation a press of a button reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ds_ops_magic.display.panel import Panel
from ds_ops_magic.display.widget import MAX_SPARE_BUTTONS, WidgetPanel
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.view import Entry
from tests.support.panels import panel, press, snapshot
from tests.support.project_jobs import executing, job


@pytest.fixture
def pressed() -> list[str | None]:
    """Ids of what is to be cancelled, None for all, and "redraw" where a drawing is asked for."""
    return []


@pytest.fixture
def widget(sent: list[str], pressed: list[str | None]) -> Iterator[WidgetPanel]:
    widget = WidgetPanel(pressed.append, lambda: pressed.append("redraw"), lambda name: pressed.append(f"force {name}"))
    yield widget
    widget.close()
    assert sent.count("comm_open") == sent.count("comm_close")


def running(*ids: str) -> Panel:
    return panel(*map(snapshot, ids))


def messages_of(widget: WidgetPanel, sent: list[str], panel: Panel) -> dict[str, int]:
    """Draw a panel, and count the messages by kind."""
    before = len(sent)
    messages = widget.draw(panel)
    assert messages == len(sent) - before
    return dict(Counter(sent[before:]))


def buttons(widget: WidgetPanel) -> tuple[Any, ...]:
    """Return the buttons beside the rows, from the top."""
    children: tuple[Any, ...] = widget.box.children[2].children[1].children
    return children


def test_the_messages_of_rows(widget: WidgetPanel, sent: list[str]) -> None:
    widget.draw(running("a", "b"))
    assert messages_of(widget, sent, running("a", "b")) == {}
    # The head, the live rows, and which buttons stand there.
    assert messages_of(widget, sent, running("a", "c", "d")) == {"comm_open": 2, "comm_msg": 3}
    assert messages_of(widget, sent, running("a", "c")) == {"comm_msg": 3}


def test_the_messages_of_a_changed_button(widget: WidgetPanel, sent: list[str]) -> None:
    widget.draw(running("a"))
    cancelling = panel(Entry("a", snapshot("a"), cancelling=True))
    assert messages_of(widget, sent, cancelling) == {"comm_msg": 2 + 1}  # the row, its button, and that of all
    [button] = buttons(widget)
    assert (button.description, button.disabled) == ("cancelling…", True)


def test_presses_while_rows_change(widget: WidgetPanel, pressed: list[str | None]) -> None:
    widget.draw(running("a", "b", "c"))
    before = buttons(widget)
    widget.draw(running("b", "d", "e"))
    for button in (*before, *buttons(widget)):  # the page may not have heard of the change yet
        press(button)
    assert pressed == ["a", "b", "c", "b", "d", "e"]
    widget.draw(running("a"))
    press(buttons(widget)[0])
    assert pressed[6:] == ["a"]


def force_buttons(widget: WidgetPanel) -> tuple[Any, ...]:
    """Return what stands in the column of the buttons that force, from the top."""
    children: tuple[Any, ...] = widget.box.children[2].children[2].children
    return children


def stopping(watched_for: float, **how: Any) -> Panel:
    """Return a panel of an operation and of a job that was asked to stop gracefully a second after its watch began."""
    made = Operation(executing("b", job("j1", graceful=True)))
    return panel(snapshot("a"), Entry("b", made, **how), watched_for=watched_for)


def test_forcing_is_a_button_of_its_own(widget: WidgetPanel, sent: list[str], pressed: list[str | None]) -> None:
    widget.draw(stopping(0.5))
    assert force_buttons(widget) == ()
    asked = {"cancelling": True, "cancelling_since": 1.0}
    widget.draw(stopping(1.1, **asked))
    empty, force = force_buttons(widget)
    assert (force.description, force.disabled) == ("Force", True)  # a hand that presses twice would force
    assert (buttons(widget)[1].description, buttons(widget)[1].disabled) == ("cancelling…", True)
    assert messages_of(widget, sent, stopping(3.9, **asked)) == {}
    assert messages_of(widget, sent, stopping(4.0, **asked)) == {"comm_msg": 1}
    assert not force.disabled
    press(force)
    assert pressed == ["force b"]
    widget.draw(stopping(5.0, **asked, forced=True))
    assert force_buttons(widget) == ()
    assert empty.comm is not None
    assert force.comm is None


def test_what_is_not_stopped_gracefully_has_no_such_button(widget: WidgetPanel) -> None:
    widget.draw(panel(Entry("a", snapshot("a"), cancelling=True), watched_for=10.0))
    assert force_buttons(widget) == ()


def test_spare_buttons(widget: WidgetPanel, sent: list[str]) -> None:
    for number in range(MAX_SPARE_BUTTONS + 10):
        widget.draw(running("stays", f"op{number}"))
    assert sent.count("comm_close") == 9
    assert all(button.comm is not None for button in buttons(widget))
    assert messages_of(widget, sent, running("stays", "next")) == {"comm_open": 1, "comm_msg": 2, "comm_close": 1}


def test_cancel_all_asks_for_confirmation(widget: WidgetPanel, sent: list[str], pressed: list[str | None]) -> None:
    widget.draw(running("a", "b"))
    cancel_all = widget.box.children[1].children[1]
    press(cancel_all)
    assert pressed == ["redraw"]
    assert messages_of(widget, sent, running("a", "b")) == {"comm_msg": 1}
    assert cancel_all.description == "Cancel 2 running?"
    press(cancel_all)
    assert pressed == ["redraw", None, "redraw"]
