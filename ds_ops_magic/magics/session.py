"""The state of ``%op`` between cells: its client, the watches in the background, what was used and displayed."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.history.history import History
    from ds_ops_magic.local.connection import LocalConnection
    from ds_ops_magic.magics.targets import Targets
    from ds_ops_magic.watch import Watch


class Session:
    """One client at a time, from the first ``%op`` to the unloading of the extension."""

    def __init__(self, history: Callable[[], History | None]) -> None:
        self._history = history  # gives the history that the next client writes to
        self.client: OperationClient | None = None
        # In the background, to be stopped when this disconnects. Weak: one that no variable and no panel has any more
        # stops by itself.
        self.watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self.last_targets: Targets | None = None  # what a subcommand without a target means
        self.used_ids: dict[str, None] = {}  # in the order of use
        self.displayed: list[Any] = []  # by the running cell, so not to be displayed again as its result
        self._local: LocalConnection | None = None

    def connect(self, target: Any, **options: Any) -> OperationClient:
        """Connect as `ds_ops_magic.connect` does, and ask the service once whether it answers and accepts us.

        Where that raises an OperationsError, what was connected before still is.
        """
        from ds_ops_magic.connector import connect
        from ds_ops_magic.local.connection import LocalConnection

        client = connect(target, **options)
        if isinstance(client.connection, LocalConnection):
            self._local = client.connection  # its service and the work there go on wherever %op connects next
        try:
            if not client.connection.verified:
                client.check()
        except BaseException:
            client.close()
            raise
        for refusal in client.connection.rejected_sources:  # whoever set these would not know otherwise
            print(f"passed over {refusal}")
        self._disconnect()
        client.history = self._history()
        self.client = client
        return client

    def use(self, targets: Targets) -> Targets:
        """Keep targets as those used last, and return them."""
        self.last_targets = targets
        self.used_ids.update(dict.fromkeys(targets.ids))
        return targets

    def close(self) -> None:
        """Stop every watch, leave its panel as a static result, and close all that was connected.

        If the service of this process was, it stops too: nothing else would end it before the process does.
        """
        self._disconnect()
        live = sys.modules.get("ds_ops_magic.display.page_display")  # not imported where nothing was ever shown live
        if live is not None:
            live.redraw_thread.stop()
        if self._local is not None:
            self._local.stop_service()
            self._local = None

    def _disconnect(self) -> None:
        for watch in list(self.watches):
            watch.stop()
        self.watches.clear()
        if self.client is not None:
            self.client.close()
            self.client = None
