"""What ``%op`` looks up in the history: the operations used last, and the service an operation belongs to."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ds_ops_magic.connection.addresses import is_on_this_host, service_name
from ds_ops_magic.magics.targets import Targets
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.history.history import History

_MAX_COMPLETIONS = 100
_TYPEABLE_ID = re.compile(r"(?:[a-z0-9-]{1,50}:)?[\w.:-]{1,50}")  # as one word, with a service before it or without


def required(history: History | None) -> History:
    """Return the history; raises UsageError where none is kept."""
    if history is None:
        raise UsageError("%op: no history is kept, because OpMagics.history or $DS_OPS_MAGIC_HISTORY says none.")
    return history


def print_warning(history: History | None) -> None:
    """Print, once, why no history is kept."""
    warning = history.take_warning() if history else ""
    if warning:
        print(warning, file=sys.stderr)


def recent_ids(history: History | None) -> list[str]:
    """Return the ids used last, for completion. Waits for nothing: what was not read yet is there the next time."""
    if history is None:
        return []
    history.request_read()
    return [record.id for record in history.records()[:_MAX_COMPLETIONS] if _TYPEABLE_ID.fullmatch(record.id)]


def last_used(history: History | None, number: int, connection: Connection) -> Targets:
    """Return the operations of a service that were used last, by any kernel."""
    history, service_key = required(history), connection.service_key
    history.refresh()
    ids = [record.id for record in history.records() if record.endpoint in (service_key, "")][:number]
    if not ids:
        raise UsageError(
            f"%op wait --last: no operation of {service_name(service_key)} was followed from here. See: %op list --all"
        )
    return Targets(tuple(ids), single=number == 1)


def check_service(history: History | None, ids: Sequence[str], connection: Connection) -> None:
    """Raise UsageError where the history knows an operation at another service than this one."""
    if history is None:
        return
    service_key = connection.service_key
    history.ensure_read()
    for operation_id in ids:
        known = history.endpoints_of(operation_id)
        if known and not any(_may_be_same(service_key, key) for key in known):
            argument = "yandex" if known[0].endswith(".cloud.yandex.net:443") else service_name(known[0])
            raise UsageError(
                f"%op: {tidy(operation_id, 50)} is of {service_name(known[0])}, and this is "
                f"{service_name(service_key)}. Connect there first: %op connect {argument}"
            )


def _may_be_same(service_key: str, known: str) -> bool:
    # On this host a service has another address each time.
    return known in (service_key, "") or (_is_local(service_key) and _is_local(known))


def _is_local(service_key: str) -> bool:
    return service_key == "local" or is_on_this_host(service_key)
