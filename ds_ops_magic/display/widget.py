"""The live panel: core ipywidgets alone, so that any front end that shows widgets shows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import ipywidgets

from ds_ops_magic.display import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.display.panel import Panel, Row

_ROW_HEIGHT = 44  # that of .dsops-row, in px: the buttons stand beside the rows
_BUTTON_HEIGHT = 28
_SURE_FOR = 5.0  # seconds in which the second press of "Cancel all" must come
SPARE = 50
"""Buttons of rows that are gone, which are kept at most."""


class WidgetPanel:
    """Rows of HTML with a Cancel button beside each that still runs.

    Written by one thread, through `draw`. What the user presses is only noted, and shown by the next drawing.

    Args:
        cancel: Called with the operation's id when its button is pressed, with None when all are to be cancelled. It
            must not block.
        wake: Asks for a drawing at once. It must not block.
    """

    def __init__(self, cancel: Callable[[str | None], None], wake: Callable[[], None]) -> None:
        self._cancel = cancel
        self._wake = wake
        self._asked_at: float | None = None  # when "Cancel all" was pressed for the first time
        self._ended_ids: tuple[str, ...] = ()
        wide = ipywidgets.Layout(flex="1 1 auto", min_width="0", margin="0")
        self._head, self._live = ipywidgets.HTML(layout=wide), ipywidgets.HTML(layout=wide)
        self._ended, self._foot = (ipywidgets.HTML(layout=ipywidgets.Layout(margin="0")) for _ in range(2))
        self._all = ipywidgets.Button(layout=_button_layout("140px"), tooltip="Cancel all that still run")
        self._all.on_click(lambda _button: self._press_all())
        self._column = ipywidgets.VBox(layout=ipywidgets.Layout(flex="0 0 100px"))
        # A button stays with its operation: a press may be on its way while the rows change, and must not hit another.
        self._buttons: dict[str, Any] = {}
        # One of each for all buttons, so that a new row opens one comm and not three.
        self._look = {"layout": _button_layout("92px"), "style": ipywidgets.ButtonStyle()}
        self._sent = 0  # messages of the running drawing
        style = ipywidgets.HTML(render.part("style"), layout=ipywidgets.Layout(display="none"))
        full = ipywidgets.Layout(width="100%", align_items="center")
        rows = [ipywidgets.HBox([self._head, self._all], layout=full)]
        rows.append(ipywidgets.HBox([self._live, self._column], layout=ipywidgets.Layout(width="100%")))
        self._parts = [style, *rows, self._ended, self._foot]
        self.box = ipywidgets.VBox(self._parts, layout=ipywidgets.Layout(max_width="900px"))

    def draw(self, panel: Panel) -> int:
        """Show a panel, and return how many messages that took. What has not changed sends nothing."""
        self._sent = 0
        self._set(self._head, value=render.part("head", panel))
        self._set(self._live, value=render.part("live", panel))
        self._set(self._foot, value=render.part("foot", panel))
        ended = tuple(row.id for row in panel.ended)
        if ended != self._ended_ids:
            self._ended_ids = ended
            self._set(self._ended, value=render.part("ended", panel))
        self._set(self._column, children=tuple(self._button(row) for row in panel.live))
        self._drop_spare({row.id for row in panel.live})
        self._draw_all(panel)
        return self._sent

    def show_result(self, html: str) -> None:
        """Show the static result in place of all else: for a page that was loaded again, and gets no other."""
        self._ended.value = html
        self.box.children = [self._ended]

    def bundle(self) -> dict[str, Any]:
        """Return the MIME bundle that shows the widget, without its text forms."""
        return {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.box.model_id,
            }
        }

    def close(self) -> None:
        """Take the widgets out of the page and out of the kernel."""
        for widget in [*self._buttons.values(), self._column, self._head, self._live, self._all, *self._parts]:
            for part in (widget.layout, getattr(widget, "style", None), widget):
                if part is not None:
                    part.close()
        for part in (*self._look.values(), self.box.layout):
            part.close()
        self.box.close()

    def _button(self, row: Row) -> Any:
        now = {
            "description": "cancelling…" if row.word == "cancelling" else "Cancel",
            "disabled": not row.cancellable,
        }
        button = self._buttons.pop(row.id, None)
        if button is None:
            button = ipywidgets.Button(tooltip=f"Cancel {row.title} ({row.id})", **now, **self._look)
            button.on_click(lambda _button, name=row.id: self._cancel(name))
            self._sent += 1
        self._buttons[row.id] = button  # at the end: what was shown last is dropped last
        self._set(button, **now)
        return button

    def _drop_spare(self, shown: set[str]) -> None:
        """Close the buttons that have been out of sight for longest, when there are many."""
        gone = [name for name in self._buttons if name not in shown]
        for name in gone[: max(0, len(gone) - SPARE)]:
            self._buttons.pop(name).close()
            self._sent += 1

    def _set(self, widget: Any, **traits: Any) -> None:
        """Change traits of a widget, in one message."""
        if all(getattr(widget, name) == value for name, value in traits.items()):
            return
        with widget.hold_sync():
            for name, value in traits.items():
                setattr(widget, name, value)
        self._sent += 1

    def _draw_all(self, panel: Panel) -> None:
        self._set(self._all.layout, display="" if panel.running > 1 else "none")
        waiting = self._asked_at is not None and time.monotonic() - self._asked_at < _SURE_FOR
        over = panel.cancelling >= panel.running
        words = f"Cancel {panel.running:,} running?" if waiting else "Cancel all"
        self._set(
            self._all,
            description="cancelling…" if over else words,
            disabled=over,
            button_style="danger" if waiting and not over else "",
        )

    def _press_all(self) -> None:
        """Ask once more at the first press, and cancel at the second."""
        now = time.monotonic()
        if self._asked_at is not None and now - self._asked_at < _SURE_FOR:
            self._asked_at = None
            self._cancel(None)
        else:
            self._asked_at = now
        self._wake()


def _button_layout(width: str) -> Any:
    margin = (_ROW_HEIGHT - _BUTTON_HEIGHT) // 2
    return ipywidgets.Layout(height=f"{_BUTTON_HEIGHT}px", width=width, margin=f"{margin}px 4px", flex="0 0 auto")
