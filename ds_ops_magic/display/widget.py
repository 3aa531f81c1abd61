"""The live panel as widgets: core ipywidgets only, so that every front end that shows widgets shows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import ipywidgets

from ds_ops_magic.display import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.display.panel import Panel
    from ds_ops_magic.display.row import Row

_ROW_HEIGHT = 44  # that of .dsops-row, in px: the buttons stand beside the rows
_BUTTON_HEIGHT = 28
_CONFIRM_WITHIN = 5.0  # seconds in which the second press of "Cancel all" must come
MAX_SPARE_BUTTONS = 50
"""The most buttons that are kept of rows that are gone."""


class WidgetPanel:
    """Rows of HTML, with a Cancel button beside each that still runs; forcing is a button of its own.

    Changed by one thread, through `draw`; the buttons' callbacks change no widget. They call `cancel` with the id of
    the operation, or with None for all, `force` with an id, and `redraw_now`; none of them may block.
    """

    def __init__(
        self,
        cancel: Callable[[str | None], None],
        redraw_now: Callable[[], None],
        force: Callable[[str], None] = lambda operation_id: None,
    ) -> None:
        self._cancel = cancel
        self._force = force
        self._redraw_now = redraw_now
        self._cancel_all_pressed_at: float | None = None  # the first of two presses
        self._ended_ids: tuple[str, ...] = ()
        wide = ipywidgets.Layout(flex="1 1 auto", min_width="0", margin="0")
        self._head, self._live = ipywidgets.HTML(layout=wide), ipywidgets.HTML(layout=wide)
        self._ended, self._foot = (ipywidgets.HTML(layout=ipywidgets.Layout(margin="0")) for _ in range(2))
        self._cancel_all_button = ipywidgets.Button(layout=_button_layout("140px"), tooltip="Cancel all that still run")
        self._cancel_all_button.on_click(lambda _button: self._on_cancel_all())
        self._column = ipywidgets.VBox(layout=ipywidgets.Layout(flex="0 0 100px"))
        # A column of its own: where the button to cancel was pressed twice, none that forces may have come.
        self._force_column = ipywidgets.VBox(layout=ipywidgets.Layout(flex="0 0 100px", display="none"))
        self._force_buttons: dict[str, Any] = {}
        self._no_button = ipywidgets.Box(layout=ipywidgets.Layout(height=f"{_ROW_HEIGHT}px", flex="0 0 auto"))
        # A button stays with its operation: a press may be on its way while rows change, and must not reach another.
        self._buttons: dict[str, Any] = {}
        # One of each for all buttons, so that a new row opens one comm and not three.
        self._button_look = {"layout": _button_layout("92px"), "style": ipywidgets.ButtonStyle()}
        self._messages = 0  # of the running drawing
        style = ipywidgets.HTML(render.part("style"), layout=ipywidgets.Layout(display="none"))
        full = ipywidgets.Layout(width="100%", align_items="center")
        rows = [ipywidgets.HBox([self._head, self._cancel_all_button], layout=full)]
        live = [self._live, self._column, self._force_column]
        rows.append(ipywidgets.HBox(live, layout=ipywidgets.Layout(width="100%")))
        self._parts = [style, *rows, self._ended, self._foot]
        self.box = ipywidgets.VBox(self._parts, layout=ipywidgets.Layout(max_width="900px"))

    def draw(self, panel: Panel) -> int:
        """Show a panel, and return how many messages that took; what has not changed takes none."""
        self._messages = 0
        self._set(self._head, value=render.part("head", panel))
        self._set(self._live, value=render.part("live", panel))
        self._set(self._foot, value=render.part("foot", panel))
        ended = tuple(row.id for row in panel.ended)
        if ended != self._ended_ids:
            self._ended_ids = ended
            self._set(self._ended, value=render.part("ended", panel))
        self._set(self._column, children=tuple(self._button(row) for row in panel.live))
        self._close_spare_buttons({row.id for row in panel.live})
        self._draw_force_buttons(panel)
        self._draw_cancel_all(panel)
        return self._messages

    def show_result(self, html: str) -> None:
        """Show the static result instead of the panel: for a page that was loaded again, and gets no other."""
        self._ended.value = html
        self.box.children = [self._ended]

    def bundle(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view}

    def close(self) -> None:
        inner = [self._column, self._force_column, self._no_button, self._head, self._live, self._cancel_all_button]
        for widget in [*self._buttons.values(), *self._force_buttons.values(), *inner, *self._parts]:
            for part in (widget.layout, getattr(widget, "style", None), widget):
                if part is not None:
                    part.close()
        for part in (*self._button_look.values(), self.box.layout):
            part.close()
        self.box.close()

    def _button(self, row: Row) -> Any:
        label = "cancelling…" if row.status == "cancelling" else "Cancel"
        traits = {"description": label, "disabled": not row.cancellable}
        button = self._buttons.pop(row.id, None)
        if button is None:
            button = ipywidgets.Button(tooltip=f"Cancel {row.title} ({row.id})", **traits, **self._button_look)
            button.on_click(lambda _button, operation_id=row.id: self._cancel(operation_id))
            self._messages += 1
        self._buttons[row.id] = button  # at the end: what was shown last is closed last
        self._set(button, **traits)
        return button

    def _close_spare_buttons(self, visible: set[str]) -> None:
        """Close the buttons that have been out of sight for longest, when there are many."""
        gone = [operation_id for operation_id in self._buttons if operation_id not in visible]
        for operation_id in gone[: max(0, len(gone) - MAX_SPARE_BUTTONS)]:
            self._buttons.pop(operation_id).close()
            self._messages += 1

    def _draw_force_buttons(self, panel: Panel) -> None:
        shown = any(row.forcible for row in panel.live)
        self._set(self._force_column.layout, display="" if shown else "none")
        slots = tuple(self._force_button(row) if row.forcible else self._no_button for row in panel.live if shown)
        self._set(self._force_column, children=slots)
        wanted = {row.id for row in panel.live if row.forcible}
        for operation_id in [known for known in self._force_buttons if known not in wanted]:
            self._force_buttons.pop(operation_id).close()
            self._messages += 1

    def _force_button(self, row: Row) -> Any:
        button = self._force_buttons.get(row.id)
        if button is None:
            tooltip = f"End {row.title} ({row.id}) at once: its program does not get to stop by itself"
            look = {"disabled": not row.can_force, "button_style": "danger", **self._button_look}
            button = ipywidgets.Button(description="Force", tooltip=tooltip, **look)
            button.on_click(lambda _button, operation_id=row.id: self._force(operation_id))
            self._force_buttons[row.id] = button
            self._messages += 1
        self._set(button, disabled=not row.can_force)
        return button

    def _set(self, widget: Any, **traits: Any) -> None:
        """Change traits of a widget, in one message; in none where they are so already."""
        if all(getattr(widget, name) == value for name, value in traits.items()):
            return
        with widget.hold_sync():
            for name, value in traits.items():
                setattr(widget, name, value)
        self._messages += 1

    def _draw_cancel_all(self, panel: Panel) -> None:
        self._set(self._cancel_all_button.layout, display="" if panel.running > 1 else "none")
        all_cancelling = panel.cancelling >= panel.running
        confirming = self._awaits_confirmation()
        label = f"Cancel {panel.running:,} running?" if confirming else "Cancel all"
        self._set(
            self._cancel_all_button,
            description="cancelling…" if all_cancelling else label,
            disabled=all_cancelling,
            button_style="danger" if confirming and not all_cancelling else "",
        )

    def _on_cancel_all(self) -> None:
        if self._awaits_confirmation():
            self._cancel_all_pressed_at = None
            self._cancel(None)
        else:
            self._cancel_all_pressed_at = time.monotonic()
        self._redraw_now()

    def _awaits_confirmation(self) -> bool:
        pressed_at = self._cancel_all_pressed_at
        return pressed_at is not None and time.monotonic() - pressed_at < _CONFIRM_WITHIN


def _button_layout(width: str) -> Any:
    margin = (_ROW_HEIGHT - _BUTTON_HEIGHT) // 2
    return ipywidgets.Layout(height=f"{_BUTTON_HEIGHT}px", width=width, margin=f"{margin}px 4px", flex="0 0 auto")
