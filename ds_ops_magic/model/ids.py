"""Operation ids, as messages and commands show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.util.text import counted, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ID_LENGTH = 50
"""The most characters an operation id has (``operation_service.proto``: length ``<=50``)."""


def shown_id(operation_id: str) -> str:
    """Return an id that is safe to print."""
    return tidy(operation_id, MAX_ID_LENGTH)


def first_ids(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - 3:,} more" if len(ids) > 3 else ""
    return ", ".join(map(shown_id, ids[:3])) + more


def command(subcommand: str, ids: Sequence[str]) -> str:
    """Return a magic that can be run as it is; for more than three ids, what to type."""
    if 0 < len(ids) <= 3:
        return f"%op {subcommand} {' '.join(map(shown_id, ids))}"
    return f"%op {subcommand} with their ids or a variable that holds them"


def go_on(ids: Sequence[str]) -> str:
    """Say that the operations of these ids go on; all of them where there is none."""
    if not ids:
        return "the operations go on"
    return "the operation goes on" if len(ids) == 1 else f"{counted(len(ids))} go on"
