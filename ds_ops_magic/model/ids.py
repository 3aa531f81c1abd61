"""Operation ids and keys, and how messages and commands show them.

A key says of an operation where it is asked about, and its id there: ``ID`` at the operation service, ``job:ID`` at the
service of DataSphere's jobs, ``SERVICE:ID`` at another host that has an OperationService of its own.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from ds_ops_magic.util.text import counted, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ID_LENGTH = 50
"""The most characters an operation id has (``operation_service.proto``: length ``<=50``)."""

OPERATION = "operation"
"""The service, by its id in endpoint discovery, that is asked about a plain id."""
JOB = "job"
"""What keys of jobs begin with."""


def is_by_job_id(asked: str, found: str) -> bool:
    """Tell whether a plain id was asked about, and what was found is known by it as a job's."""
    return found != asked and found == key_of(JOB, asked)


def key_of(service: str, bare_id: str) -> str:
    return bare_id if service == OPERATION else f"{service}:{bare_id}"


def split_key(key: str) -> tuple[str, str]:
    """Return what a key begins with, or `OPERATION`, and the id in it: ``("job", ID)``, ``("operation", ID)``."""
    found = _keys().fullmatch(key)
    return (found[1], found[2]) if found else (OPERATION, key)


def shown_id(operation_id: str) -> str:
    """Return an id, with what makes it a key, that is safe to print."""
    return tidy(operation_id, MAX_ID_LENGTH + len(operation_id) - len(split_key(operation_id)[1]))


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


@functools.cache
def _keys() -> re.Pattern[str]:
    # Not made while the magics are loaded, for which it is not needed.
    return re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*):([A-Za-z0-9_-]+)")
