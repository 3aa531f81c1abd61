"""Which tracked operation is asked about next, and how many questions may be under way."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import NamedTuple

_PROBES = 2  # questions under way while the service does not answer: an outage is one fact, not one an operation
_MOST_MISSES = 2  # misses that are distinguished


class _Place(NamedTuple):
    due: float
    number: int  # of those that are due at one time, the first put comes first
    id: str


class PollQueue:
    """Tracked operations by when they are due, in one heap for each number of misses.

    A miss is a question in a row that brought no answer. Where only a part of a service is silent, that part holds up
    nothing: operations with misses never take all the room. In what looks like an outage one probe is kept for an
    operation without misses, whose answer shows that it is none, and one miss goes before several. An outage is when
    nothing at all has been answered for a while.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._heaps: list[list[_Place]] = [[] for _ in range(_MOST_MISSES + 1)]
        self._current: dict[str, int] = {}  # the numbers of the places that count; others are left over in the heaps
        self._numbers = itertools.count()
        self._under_way = {False: 0, True: 0}  # by whether an operation has misses

    def put(self, operation_id: str, due: float, *, misses: int = 0) -> None:
        """Set when an operation is due, replacing an earlier entry."""
        number = self._current[operation_id] = next(self._numbers)
        heapq.heappush(self._heaps[min(misses, _MOST_MISSES)], _Place(due, number, operation_id))

    def drop(self, operation_id: str) -> None:
        self._current.pop(operation_id, None)

    def next_due(self, *, outage: bool) -> float:
        """Return when the next one is due; infinity when there is none, or no room for a question."""
        return min((due for due, _ in self._firsts(outage)), default=math.inf)

    def take(self, now: float, *, outage: bool) -> tuple[str, bool] | None:
        """Take out the one whose turn it is, and whether it has misses; its question is under way until `ended`."""
        ready = [(due, misses) for due, misses in self._firsts(outage) if due <= now]
        if not ready:
            return None
        if outage and any(misses == 1 for _, misses in ready):
            ready = [(due, misses) for due, misses in ready if misses <= 1]
        _, misses = min(ready)
        operation_id = heapq.heappop(self._heaps[misses]).id
        del self._current[operation_id]
        missed = misses > 0
        self._under_way[missed] += 1
        return operation_id, missed

    def ended(self, *, missed: bool) -> None:
        """Note that a question has ended; ``missed`` is what `take` returned with it."""
        self._under_way[missed] -= 1

    def _firsts(self, outage: bool) -> list[tuple[float, int]]:
        """Return the first of each heap that there is room for: when it is due, and its misses."""
        firsts = [(self._first(heap), misses) for misses, heap in enumerate(self._heaps)]
        fresh = firsts[0][0] is not None
        return [
            (due, misses) for due, misses in firsts if due is not None and self._has_room(misses > 0, outage, fresh)
        ]

    def _first(self, heap: list[_Place]) -> float | None:
        while heap and self._current.get(heap[0].id) != heap[0].number:
            heapq.heappop(heap)
        return heap[0].due if heap else None

    def _has_room(self, missed: bool, outage: bool, fresh: bool) -> bool:
        """Tell whether a question may begin; ``fresh``: whether an operation without misses is in the queue."""
        total = self._under_way[False] + self._under_way[True]
        if not outage:
            return total < self._most and (not missed or self._under_way[True] < self._most // 2)
        if missed:
            return total < (_PROBES - 1 if fresh else _PROBES)
        return total < _PROBES or not self._under_way[False]
