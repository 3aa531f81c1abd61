"""Displays of a watch in a page: HTML that is replaced, or a widget with Cancel buttons."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display import render
from ds_ops_magic.display.panel import live_panel, static_panel
from ds_ops_magic.display.redraw import RedrawThread
from ds_ops_magic.display.text_display import SHOW_AFTER, Display, publish
from ds_ops_magic.model.errors import OperationsError, thread_limit
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.waiting import Deadline, ReturnWhen
from ds_ops_magic.util import threads
from ds_ops_magic.util.threads import ThreadLimitReached

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.display.panel import Panel
    from ds_ops_magic.display.widget import WidgetPanel
    from ds_ops_magic.watch import Watch

redraw_thread = RedrawThread()
"""Draws the live panels of this process."""


class HtmlDisplay(Display):
    """Static HTML that is replaced while the watch runs: for pages without a widget manager."""

    _cancel_hint = ""  # what the foot says of the Cancel button

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._handle: Any = None
        self._in_background = False
        self._is_live = True
        self._unsubscribe = watch.subscribe(redraw_thread.wake)

    def tick(self) -> None:
        if self._handle is None and (self._is_worth_showing() or time.monotonic() - self._started_at > SHOW_AFTER):
            self.start()

    def start(self) -> None:
        self._handle = publish(render.bundle(self._live_panel()), updatable=True)
        self._redraw_with(self._draw)

    def start_in_background(self) -> None:
        """Show the panel, live until the watch is over; where it cannot be live, it is static at once."""
        self._in_background = True
        self.start()
        if self._is_live:
            self._redraw_with(self._finish_when_over)
        if not self._is_live:
            self.finish()

    def finish(self) -> None:
        self._unsubscribe()
        redraw_thread.remove(self._draw)
        result = render.bundle(static_panel(self._watch))
        if self._handle is None:
            publish(result)
        else:
            self._handle.update(result, raw=True)

    def _is_worth_showing(self) -> bool:
        view = self._watch.view()
        return view.all_seen and not all(entry.ended for entry in view.entries)

    def _redraw_with(self, draw: Callable[[], bool]) -> None:
        try:
            redraw_thread.add(draw)
        except ThreadLimitReached as error:  # the panel stays as it is until the end
            self._is_live = False
            print(f"The panel is not live: {thread_limit(error).args[0]}", file=sys.stderr, flush=True)

    def _draw(self) -> bool:
        self._handle.update(render.bundle(self._live_panel()), raw=True)
        return False

    def _live_panel(self) -> Panel:
        if self._in_background:
            hint = f"To cancel: {self._cancel_hint}%op cancel {{operation_id}}"
        else:
            hint = "■ stops waiting, not the operation. "
            hint += f"To cancel: {self._cancel_hint}■ and then %op cancel {{operation_id}}"
        return live_panel(self._watch, hint)

    def _finish_when_over(self) -> bool:
        if not (self._watch.done or self._watch.view().stopped):
            return False
        self.finish()
        ends = {operation.status for operation in self._watch.operations if operation is not None}
        if self._watch.stderr_lines and Status.FAILED in ends:
            # Not here, where the panels of all others are drawn: it may take seconds.
            with contextlib.suppress(ThreadLimitReached):
                threads.start(threading.Thread(target=self._add_stderr, name="ds_ops_magic stderr", daemon=True))
        return True

    def _add_stderr(self) -> None:
        with contextlib.suppress(OperationsError):
            self._watch.read_stderr(Deadline.of(None, ReturnWhen.ALL, 0.0, once=0.0))
        if any(entry.stderr for entry in self._watch.view().entries):
            self._handle.update(render.bundle(static_panel(self._watch)), raw=True)


class WidgetDisplay(HtmlDisplay):
    """The live panel with Cancel buttons, replaced by static HTML at the end."""

    _cancel_hint = "the button, or "
    _page_has_no_widgets = False
    _panel: WidgetPanel | None = None

    def start(self) -> None:
        try:
            from ds_ops_magic.display.widget import WidgetPanel
        except ImportError:  # ipywidgets is not installed completely
            self._cancel_hint = ""
            super().start()
            return
        self._page = _page()
        panel = self._live_panel()
        self._panel = WidgetPanel(self._cancel, redraw_thread.redraw_now, self._force)
        self._panel.box.comm.on_close(self._on_close)
        self._panel.draw(panel)
        # The text forms are for front ends that show no widgets, and for nbconvert.
        self._handle = publish({**render.bundle(panel), **self._panel.bundle()}, updatable=True)
        self._redraw_with(self._draw)

    def finish(self) -> None:
        super().finish()
        if self._panel is None:
            return
        if _page() is self._page:
            self._panel.close()
        else:  # a page that was loaded again meanwhile has dropped that update: it shows what the widget shows
            self._panel.show_result(render.html(static_panel(self._watch)))

    def _draw(self) -> bool:
        if self._panel is None or self._page_has_no_widgets:
            return super()._draw()
        redraw_thread.count_messages(self._panel.draw(self._live_panel()))
        return False

    def _on_close(self, _message: Any) -> None:
        """Note that the page has no widget manager: it closes what it is told to open, and shows the HTML form."""
        self._page_has_no_widgets, self._cancel_hint = True, ""
        redraw_thread.wake()

    def _cancel(self, operation_id: str | None) -> None:
        self._watch.cancel(*([] if operation_id is None else [operation_id]))
        redraw_thread.redraw_now()

    def _force(self, operation_id: str) -> None:
        self._watch.cancel(operation_id, force=True)
        redraw_thread.redraw_now()


def _page() -> object:
    """Return an object that changes when a page is loaded: each opens a control channel of its own to the widgets."""
    import ipywidgets

    return getattr(ipywidgets.Widget, "_control_comm", None)
