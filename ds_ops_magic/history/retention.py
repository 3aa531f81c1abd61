"""How long the history of an operation is kept, and of how many operations.

An operation goes 90 days after it was last used here, and whatever runs stays. Past 20,000 operations those that have
ended go, the one that was used longest ago first. The file is pruned whenever a process reads it for the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ds_ops_magic.history.record import Record

RETENTION = 90 * 86400.0
"""Seconds for which an operation is kept that nobody asks about while others are asked about."""
GRACE = 7 * 86400.0
"""Seconds for which others must have been used before that counts.

A clock that is wrong for some days drops nothing, in however many processes; disuse ends in pruning a week later.
"""
MAX_RECORDS = 20_000
"""Operations past which the oldest of those that have ended go; what still runs is kept, however many that is."""


def retained(records: Iterable[Record]) -> list[Record]:
    """Return those of records that are within `MAX_RECORDS`."""
    running: list[Record] = []
    ended: list[Record] = []
    for record in records:
        (ended if record.done else running).append(record)
    ended.sort(key=lambda record: record.used_at, reverse=True)
    return running + ended[: max(0, MAX_RECORDS - len(running))]


def prune_above(number: int) -> int:
    """Return at how many records to prune that are so many now: seldom, also where most of them run."""
    return max(MAX_RECORDS, number) * 11 // 10
