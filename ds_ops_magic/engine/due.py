"""Which followed operation is asked about next, and how many questions may be under way."""

from __future__ import annotations

from ds_ops_magic.engine.schedule import Agenda

_PROBES = 2  # questions under way while the service does not answer: an outage is one fact, not one an operation


class Due:
    """Followed operations in two queues: those in doubt, whose own last question brought no answer, and the others.

    Where only a part of a service is silent, that part holds up nothing: it never takes all the room, and of what looks
    like an outage one probe is kept for an operation that is not in doubt, whose answer says that it is none.

    Args:
        most: The most questions under way at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._queues = {False: Agenda(), True: Agenda()}  # by whether an operation is in doubt
        self._under_way = {False: 0, True: 0}

    def put(self, operation_id: str, due: float, *, in_doubt: bool = False) -> None:
        """Set when an operation is due, in seconds of the clock, replacing an earlier entry."""
        self._queues[not in_doubt].drop(operation_id)
        self._queues[in_doubt].put(operation_id, due)

    def drop(self, operation_id: str) -> None:
        """Forget an operation; one that is not there is no error."""
        for queue in self._queues.values():
            queue.drop(operation_id)

    def next_due(self, *, outage: bool) -> float | None:
        """Return when the next one is due; None when there is none, or no room for a question.

        Args:
            outage: Whether nothing at all has been answered for a while.
        """
        return min((due for due, _ in self._next(outage)), default=None)

    def take(self, *, outage: bool) -> tuple[str, bool]:
        """Take out the one that is due first, and whether it is in doubt; its question is under way until `ended`.

        Raises:
            ValueError: There is none, or no room.
        """
        _, in_doubt = min(self._next(outage))
        self._under_way[in_doubt] += 1
        return self._queues[in_doubt].pop(), in_doubt

    def ended(self, *, in_doubt: bool) -> None:
        """Note that a question has ended; whether its operation was in doubt is as `take` said."""
        self._under_way[in_doubt] -= 1

    def _next(self, outage: bool) -> list[tuple[float, bool]]:
        """Return the first of each queue that there is room for: when it is due, and whether it is in doubt."""
        firsts = ((queue.next_due(), in_doubt) for in_doubt, queue in self._queues.items())
        return [(due, in_doubt) for due, in_doubt in firsts if due is not None and self._has_room(in_doubt, outage)]

    def _has_room(self, in_doubt: bool, outage: bool) -> bool:
        total = sum(self._under_way.values())
        if not outage:
            return total < self._most and (not in_doubt or self._under_way[True] < self._most // 2)
        if in_doubt:
            return total < (_PROBES - 1 if len(self._queues[False]) else _PROBES)
        return total < _PROBES or not self._under_way[False]
