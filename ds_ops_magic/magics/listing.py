"""What ``%op`` takes from the history: the listing, the last ones, ids to complete, and where an id belongs."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ds_ops_magic.connection.addresses import is_on_this_host
from ds_ops_magic.magics.targets import Targets
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util.text import counted, tidy

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Sequence

    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.display.table import Listing
    from ds_ops_magic.history.history import History
    from ds_ops_magic.history.record import Record

_REFRESH = 5.0  # seconds that asking how the listed ones stand may take
_MOST_COMPLETED = 100
_ID = re.compile(r"[\w.:-]{1,50}")  # what can be typed as one word


def complain(history: History | None) -> None:
    """Print, once, what keeps the history from being kept."""
    complaint = history.complaint() if history else ""
    if complaint:
        print(complaint, file=sys.stderr)


def ids(history: History | None) -> list[str]:
    """Return the ids that were used last. Waits for nothing: what was not read yet is there the next time."""
    if history is None:
        return []
    history.read()
    return [record.id for record in history.records()[:_MOST_COMPLETED] if _ID.fullmatch(record.id)]


def last(history: History | None, number: int, connection: Connection) -> Targets:
    """Return the operations of a service that were used last, by any kernel.

    Raises:
        UsageError: There is none.
    """
    known, place = kept(history), connection.service_key
    known.refresh()
    found = [record.id for record in known.records() if record.endpoint in (place, "")][:number]
    if not found:
        raise UsageError(
            f"%op wait --last: no operation of {_shown(place)} was followed from here. See: %op list --all"
        )
    return Targets(tuple(found), single=number == 1)


def check_place(history: History | None, ids: Sequence[str], connection: Connection) -> None:
    """See that operations are asked about where they are, as far as that is known.

    Raises:
        UsageError: One was followed at another service.
    """
    if history is None:
        return
    place = connection.service_key
    history.ready()
    for name in ids:
        places = history.endpoints_of(name)
        if places and not any(_may_be_one(place, known) for known in places):
            raise UsageError(
                f"%op: {tidy(name, 50)} is of {_shown(places[0])}, and this is {_shown(place)}. "
                f"Connect there first: %op connect {_target(places[0])}"
            )


def listing(
    history: History | None,
    options: argparse.Namespace,
    client: OperationClient | None,
    connect: Callable[[], OperationClient],
) -> Listing:
    """List what was followed, with what still runs asked about in one go.

    Args:
        history: Where that stands.
        options: Of ``%op list``.
        client: What is connected, if anything is.
        connect: Connects, where something is to be asked about.

    Raises:
        UsageError: No history is kept.
    """
    from ds_ops_magic.display.table import Listing

    known = kept(history)
    known.refresh()
    remarks = []
    if client is None and any(not record.done for record in _chosen(known, options, None)):
        try:
            client = connect()
        except OperationsError as error:
            remarks.append(f"Not connected, so this is how they stood when last seen: {error.args[0]}")
    place = client.connection.service_key if client and not options.all else None
    records = _chosen(known, options, place)
    if client is not None:
        answered = _peek(client, records)
        known.flush()
        now = time.time()
        records = [
            record if record.done or record.id not in answered else record._replace(seen_at=now)
            for record in _chosen(known, options, place)
        ]
    total = len(_chosen(known, options, place, everything=True))
    if total > len(records):
        remarks.append(f"{len(records):,} of {counted(total)} shown; --limit {total} shows all.")
    elif not total:
        remarks.append("Nothing that was followed from here is of that sort.")
    where = "all endpoints" if place is None else _shown(place)
    remarks.append(f"Followed at {where}, as kept in {known.path}")
    return Listing(records, remarks, time.time(), by_endpoint=place is None)


def _peek(client: OperationClient, records: Sequence[Record]) -> Collection[str]:
    """Have the history learn how those stand that ran when last seen; return the ids of those that were answered."""
    here = client.connection.service_key
    running = [record.id for record in records if not record.done and record.endpoint in (here, "")]
    return client.peek(running, _REFRESH) if running else ()


def kept(history: History | None) -> History:
    """Return the history.

    Raises:
        UsageError: None is kept.
    """
    if history is None:
        raise UsageError("%op: no history is kept, because OpMagics.history or $DS_OPS_MAGIC_HISTORY says none.")
    return history


def _chosen(
    history: History, options: argparse.Namespace, place: str | None, *, everything: bool = False
) -> list[Record]:
    since = 0.0 if options.since is None else time.time() - options.since
    found = [
        record
        for record in history.records()
        if record.used_at >= since
        and not (options.running and record.done)
        and (place is None or record.endpoint in (place, ""))
    ]
    return found if everything else found[: options.limit]


def _may_be_one(place: str, known: str) -> bool:
    """Tell whether two names may be of one service: on this host a service has another address each time."""
    return known in (place, "") or (_is_here(place) and _is_here(known))


def _is_here(place: str) -> bool:
    return place == "local" or is_on_this_host(place)


def _shown(place: str) -> str:
    return tidy(place, 100) or "Yandex Cloud"


def _target(place: str) -> str:
    return "yandex" if place.endswith(".cloud.yandex.net:443") else _shown(place)
