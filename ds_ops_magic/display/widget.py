"""The live panel: core ipywidgets alone, so that any front end that shows widgets shows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import ipywidgets

from ds_ops_magic.display import static

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.display.model import Panel, Row

_ROW_HEIGHT = 44  # that of .dsops-row, in px: the buttons stand beside the rows
_BUTTON_HEIGHT = 28
_SURE_FOR = 5.0  # seconds in which the second press of "Cancel all" must come


class WidgetPanel:
    """Rows of HTML with a Cancel button beside each that still runs.

    Written by one thread, through `draw`. What the user presses is only noted, and shown by the next drawing.

    Args:
        cancel: Called with the operation's id when its button is pressed, with None when all are to be cancelled. It
            must not block.
        wake: Asks for a drawing. It must not block.
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
        self._buttons: dict[str, Any] = {}
        style = ipywidgets.HTML(static.part("style"), layout=ipywidgets.Layout(display="none"))
        full = ipywidgets.Layout(width="100%", align_items="center")
        rows = [ipywidgets.HBox([self._head, self._all], layout=full)]
        rows.append(ipywidgets.HBox([self._live, self._column], layout=ipywidgets.Layout(width="100%")))
        self._parts = [style, *rows, self._ended, self._foot]
        self.box = ipywidgets.VBox(self._parts, layout=ipywidgets.Layout(max_width="900px"))

    def draw(self, panel: Panel) -> None:
        """Show a panel. What has not changed sends nothing."""
        self._head.value = static.part("head", panel)
        self._live.value = static.part("live", panel)
        self._foot.value = static.part("foot", panel)
        ended = tuple(row.id for row in panel.ended)
        if ended != self._ended_ids:
            self._ended_ids = ended
            self._ended.value = static.part("ended", panel)
        buttons = [self._button(row) for row in panel.live]
        if list(self._column.children) != buttons:
            self._column.children = buttons
        self._draw_all(panel)

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
        self.box.layout.close()
        self.box.close()

    def _button(self, row: Row) -> Any:
        button = self._buttons.get(row.id)
        if button is None:
            button = ipywidgets.Button(layout=_button_layout("92px"), tooltip=f"Cancel {row.title} ({row.id})")
            button.on_click(lambda _button, name=row.id: self._cancel(name))
            self._buttons[row.id] = button
        button.description = "cancelling…" if row.word == "cancelling" else "Cancel"
        button.disabled = not row.cancellable
        return button

    def _draw_all(self, panel: Panel) -> None:
        self._all.layout.display = "" if panel.running > 1 else "none"
        waiting = self._asked_at is not None and time.monotonic() - self._asked_at < _SURE_FOR
        if panel.cancelling >= panel.running:
            self._all.description, self._all.disabled = "cancelling…", True
        else:
            self._all.description = f"Cancel {panel.running:,} running?" if waiting else "Cancel all"
            self._all.disabled = False
        self._all.button_style = "danger" if waiting and not self._all.disabled else ""

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
