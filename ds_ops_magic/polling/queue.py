"""Which followed operation is asked about next, and how many questions may be under way."""

from __future__ import annotations

from ds_ops_magic.polling.schedule import Agenda

_PROBES = 2  # questions under way while the service does not answer: an outage is one fact, not one an operation
_DEEPEST = 2  # questions in a row without an answer: more make no more doubt


class PollQueue:
    """TrackedOperation operations in queues by doubt: how many of their last questions brought no answer.

    Where only a part of a service is silent, that part holds up nothing: it never takes all the room, and of what looks
    like an outage one probe is kept for an operation that is not in doubt, whose answer says that it is none. There,
    who has missed one answer goes before those who miss every one.

    Args:
        most: The most questions under way at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._queues = [Agenda() for _ in range(_DEEPEST + 1)]
        self._under_way = {False: 0, True: 0}  # by whether an operation is in doubt

    def put(self, operation_id: str, due: float, *, doubt: int = 0) -> None:
        """Set when an operation is due, replacing an earlier entry.

        Args:
            operation_id: The operation.
            due: In seconds of the clock.
            doubt: How many questions in a row brought no answer.
        """
        self.drop(operation_id)
        self._queues[min(doubt, _DEEPEST)].put(operation_id, due)

    def drop(self, operation_id: str) -> None:
        """Forget an operation; one that is not there is no error."""
        for queue in self._queues:
            queue.drop(operation_id)

    def next_due(self, *, outage: bool) -> float | None:
        """Return when the next one is due; None when there is none, or no room for a question.

        Args:
            outage: Whether nothing at all has been answered for a while.
        """
        return min((due for due, _ in self._next(outage)), default=None)

    def take(self, now: float, *, outage: bool) -> tuple[str, bool]:
        """Take out the one whose turn it is, and whether it is in doubt; its question is under way until `ended`.

        Args:
            now: The time now, in seconds of the clock.
            outage: As for `next_due`.

        Raises:
            ValueError: None is due, or there is no room.
        """
        ready = [(due, doubt) for due, doubt in self._next(outage) if due <= now]
        if outage and any(doubt == 1 for _, doubt in ready):
            ready = [(due, doubt) for due, doubt in ready if doubt <= 1]
        _, doubt = min(ready)
        self._under_way[doubt > 0] += 1
        return self._queues[doubt].pop(), doubt > 0

    def ended(self, *, in_doubt: bool) -> None:
        """Note that a question has ended; whether its operation was in doubt is as `take` said."""
        self._under_way[in_doubt] -= 1

    def _next(self, outage: bool) -> list[tuple[float, int]]:
        """Return the first of each queue that there is room for: when it is due, and its doubt."""
        firsts = ((queue.next_due(), doubt) for doubt, queue in enumerate(self._queues))
        return [(due, doubt) for due, doubt in firsts if due is not None and self._has_room(doubt > 0, outage)]

    def _has_room(self, in_doubt: bool, outage: bool) -> bool:
        total = sum(self._under_way.values())
        if not outage:
            return total < self._most and (not in_doubt or self._under_way[True] < self._most // 2)
        if in_doubt:
            return total < (_PROBES - 1 if len(self._queues[0]) else _PROBES)
        return total < _PROBES or not self._under_way[False]
