"""Which error a wait or a request for several operations ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.model.errors import (
    AuthenticationError,
    OperationFailed,
    OperationsFailed,
    ServiceUnavailable,
    WatchStopped,
)
from ds_ops_magic.model.ids import shown_id
from ds_ops_magic.util.text import counted, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ops_magic.model.errors import OperationsError
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations

FAILED, NOT_ASKED, NOT_CANCELLED = "failed", "could not be asked about", "could not be cancelled"
"""What became of those of a group that have an error, by what was done: waiting, asking, cancelling."""


def group_error(
    errors: Mapping[str, OperationsError], operations: Operations[Operation | None], total: int, what: str = FAILED
) -> OperationsError:
    """Choose what to raise for a group: the error of one that is alone, the cause when all share one, else the group's.

    ``operations`` are all, as last seen; one that stands there twice counts once in ``total``.
    """
    for error in errors.values():
        if isinstance(error, WatchStopped):  # how the rest would have ended is not known, so no count is true
            return error
    causes = {type(error) for error in errors.values()}
    shared = len(errors) == total and len(causes) == 1 and causes <= {ServiceUnavailable, AuthenticationError}
    if total == 1 or shared:
        return next(iter(errors.values()))
    first = [_in_group(operation_id, error) for operation_id, error in list(errors.items())[:3]]
    more = f"; and {len(errors) - 3:,} more" if len(errors) > 3 else ""
    option = "; --no-raise returns instead of raising" if what == FAILED else ""  # the other commands have none
    group = OperationsFailed(
        f"{len(errors):,} of {counted(total)} {what}.",
        "; ".join(first) + more,
        f"All of them are in .operations, the errors by id in .errors{option}.",
    )
    group.operations, group.errors = operations, errors
    return group


def _in_group(operation_id: str, error: OperationsError) -> str:
    message = str(error.args[1 if isinstance(error, OperationFailed) else 0])
    return f"{shown_id(operation_id)}: {tidy(message, 100)}"
