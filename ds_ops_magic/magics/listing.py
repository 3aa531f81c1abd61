"""What ``%op list`` lists: records of the history, after asking about those that ran when last seen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ds_ops_magic.connection.addresses import service_name
from ds_ops_magic.magics.recent import required
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util.text import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Sequence

    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.display.table import Listing
    from ds_ops_magic.history.history import History
    from ds_ops_magic.history.record import Record

_REFRESH_TIMEOUT = 5.0
"""Seconds that asking about the listed operations may take."""


def list_operations(
    history: History | None,
    options: argparse.Namespace,
    client: OperationClient | None,
    connect: Callable[[], OperationClient],
) -> Listing:
    """List what was followed from here. What still runs is asked about first.

    Args:
        history: Where the records are.
        options: Those of ``%op list``.
        client: The connected client, if there is one.
        connect: Connects, where something is to be asked about.

    Raises:
        UsageError: No history is kept.
    """
    from ds_ops_magic.display.table import Listing

    history = required(history)
    history.refresh()
    remarks = []
    if client is None and any(not record.done for record in _select(history, options, None)):
        try:
            client = connect()
        except OperationsError as error:
            remarks.append(f"Not connected, so this is how they stood when last seen: {error.args[0]}")
    service_key = client.connection.service_key if client and not options.all else None
    records = _select(history, options, service_key)
    if client is not None:
        answered = _refresh(client, records)
        history.flush()
        now = time.time()
        records = [
            record if record.done or record.id not in answered else record._replace(seen_at=now)
            for record in _select(history, options, service_key)
        ]
    total = len(_select(history, options, service_key, limited=False))
    if total > len(records):
        remarks.append(f"{len(records):,} of {counted(total)} shown; --limit {total} shows all.")
    elif not total:
        remarks.append("Nothing that was followed from here is of that sort.")
    where = "all endpoints" if service_key is None else service_name(service_key)
    remarks.append(f"Followed at {where}, as kept in {history.path}")
    return Listing(records, remarks, time.time(), by_endpoint=service_key is None)


def _refresh(client: OperationClient, records: Sequence[Record]) -> Collection[str]:
    """Ask about those that ran when last seen, which the history learns from; return the ids of those answered."""
    here = client.connection.service_key
    running = [record.id for record in records if not record.done and record.endpoint in (here, "")]
    return client.peek(running, _REFRESH_TIMEOUT) if running else ()


def _select(
    history: History, options: argparse.Namespace, service_key: str | None, *, limited: bool = True
) -> list[Record]:
    since = 0.0 if options.since is None else time.time() - options.since
    found = [
        record
        for record in history.records()
        if record.used_at >= since
        and not (options.running and record.done)
        and (service_key is None or record.endpoint in (service_key, ""))
    ]
    return found[: options.limit] if limited else found
