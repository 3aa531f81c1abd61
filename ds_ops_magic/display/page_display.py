"""A watch shown live in a page: as HTML that is replaced, or as a widget with Cancel buttons."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display import render
from ds_ops_magic.display.redraw import Drawer
from ds_ops_magic.display.text_display import PATIENCE, Display, panel, publish
from ds_ops_magic.model.errors import thread_limit
from ds_ops_magic.util.threads import ThreadLimitReached

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.display.panel import Panel
    from ds_ops_magic.display.widget import WidgetPanel
    from ds_ops_magic.watch import Watch

drawer = Drawer()


class HtmlDisplay(Display):
    """Static HTML that is replaced while the watch runs: for pages without a widget manager."""

    _button = ""  # how the hint speaks of the Cancel button

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._handle: Any = None
        self._waited_for = self._is_live = True
        self._unsubscribe = watch.subscribe(drawer.wake)

    def tick(self) -> None:
        """Show the panel when each has answered, or it is time to show that some have not."""
        if self._handle is None and (self._is_worth_showing() or time.monotonic() - self._since > PATIENCE):
            self.start()

    def start(self) -> None:
        """Show the panel now, and have it drawn in the background."""
        self._handle = publish(render.bundle(self._now()), updatable=True)
        self._have_drawn(self._draw)

    def start_alone(self) -> None:
        """Show the panel now, with nobody waiting, and finish it when the watch is over; a still one at once."""
        self._waited_for = False
        self.start()
        if self._is_live:
            self._have_drawn(self._finish_when_over)
        if not self._is_live:
            self.finish()

    def finish(self) -> None:
        """Replace the live panel by the static one, for good."""
        self._unsubscribe()
        drawer.remove(self._draw)
        result = render.bundle(panel(self._watch, render.MOST_ROWS))
        if self._handle is None:
            publish(result)
        else:
            self._handle.update(result, raw=True)

    def _is_worth_showing(self) -> bool:
        """Tell whether each has answered, and some still run: of what is over at once there is nothing to see live."""
        view = self._watch.view()
        return view.all_seen and not all(entry.ended for entry in view.entries)

    def _have_drawn(self, draw: Callable[[], bool]) -> None:
        try:
            drawer.add(draw)
        except ThreadLimitReached as error:  # the panel stays as it is until the end
            self._is_live = False
            print(f"The panel is not live: {thread_limit(error).args[0]}", file=sys.stderr, flush=True)

    def _draw(self) -> bool:
        self._handle.update(render.bundle(self._now()), raw=True)
        return False

    def _now(self) -> Panel:
        if self._waited_for:
            hint = f"■ stops waiting, not the operation. To cancel: {self._button}■ and then %op cancel {{name}}"
        else:
            hint = f"To cancel: {self._button}%op cancel {{name}}"
        return panel(self._watch, hint=hint)

    def _finish_when_over(self) -> bool:
        if not (self._watch.done or self._watch.view().stopped):
            return False
        self.finish()
        return True


class WidgetDisplay(HtmlDisplay):
    """The live panel with Cancel buttons, replaced by static HTML at the end."""

    _button = "the button, or "
    _refused = False
    _panel: WidgetPanel | None = None

    def start(self) -> None:
        """Show the panel now, and have it drawn in the background."""
        try:
            from ds_ops_magic.display.widget import WidgetPanel
        except ImportError:  # of an ipywidgets that is not whole
            self._button = ""
            super().start()
            return
        self._page = _page()
        now = self._now()
        self._panel = WidgetPanel(self._cancel, drawer.redraw_now)
        self._panel.box.comm.on_close(self._note_refusal)
        self._panel.draw(now)
        # The text forms are for front ends that show no widgets, and for nbconvert.
        self._handle = publish({**render.bundle(now), **self._panel.bundle()}, updatable=True)
        self._have_drawn(self._draw)

    def finish(self) -> None:
        """Replace the widget by static HTML, and close it."""
        super().finish()
        if self._panel is None:
            return
        if _page() is self._page:
            self._panel.close()
        else:  # a page that was loaded again meanwhile has dropped that update: it shows what the widget shows
            self._panel.show_result(render.html(panel(self._watch, render.MOST_ROWS)))

    def _draw(self) -> bool:
        if self._panel is None or self._refused:
            return super()._draw()
        drawer.sent(self._panel.draw(self._now()))
        return False

    def _note_refusal(self, _message: Any) -> None:
        """Note that the page has no widget manager: it closes what it is told to open, and shows the HTML form."""
        self._refused, self._button = True, ""
        drawer.wake()

    def _cancel(self, operation_id: str | None) -> None:
        self._watch.cancel(*([] if operation_id is None else [operation_id]))
        drawer.redraw_now()


def _page() -> object:
    """Return something that changes when a page is loaded: each opens a control channel of its own to the widgets."""
    import ipywidgets

    return getattr(ipywidgets.Widget, "_control_comm", None)
