"""The bounded buffers of the readers of a log."""

from __future__ import annotations

import asyncio

from ds_ops_magic.model.log_line import Batch
from ds_ops_magic.services.log_readers import LogReader, Room


def batch(text: str, source: str = "stdout") -> Batch:
    return Batch(source, text.encode(), None)


def texts(reader: LogReader) -> list[str]:
    return [text for one in reader.take() for text in one.texts()]


def test_only_the_sources_that_are_wanted() -> None:
    every, errors = LogReader(None, waits=False), LogReader(("stderr",), waits=False)
    for reader in (every, errors):
        reader.put(batch("a\n"))
        reader.put(batch("b\n", "stderr"))
        reader.put(batch("c\n", "x.log"))
    assert (texts(every), texts(errors)) == (["a", "b", "c"], ["b"])
    assert texts(every) == []


def test_the_oldest_lines_are_dropped_and_counted() -> None:
    reader = LogReader(waits=False, room=Room(lines=5))
    reader.put(batch("".join(f"{number}\n" for number in range(12))))
    assert reader.dropped == 7
    for number in range(12, 15):
        reader.put(batch(f"{number}\n"))
    assert reader.dropped == 10
    assert texts(reader) == ["10", "11", "12", "13", "14"]
    reader.put(batch("15\n"))
    assert texts(reader) == ["15"]


def test_no_more_bytes_than_there_is_room_for() -> None:
    reader = LogReader(waits=False, room=Room(size=10_000))
    for _ in range(50):
        reader.put(batch("x" * 999 + "\n"))
        reader.put(batch("y\n" * 100))
    kept = reader.held()
    assert sum(len(one.data) for one in kept) <= 10_000
    assert reader.dropped + sum(one.number for one in kept) == 50 * 101
    reader.put(batch("z" * 60_000))  # a line that there is no room for is kept alone
    assert texts(reader) == ["z" * 60_000]


def test_who_is_waited_for_loses_nothing() -> None:
    reader = LogReader(waits=True, room=Room(size=1_000))

    async def fill() -> list[str]:
        taken: list[str] = []
        loop = asyncio.get_running_loop()

        def take() -> None:
            taken.extend(texts(reader))

        for number in range(30):
            reader.put(batch(f"{number} {'x' * 90}\n"))
            if reader.is_full:
                loop.call_soon(take)
                loop.call_later(0.01, take)  # what was taken is in use until the next time
                await reader.room()
        take()
        return taken

    assert [text.split()[0] for text in asyncio.run(fill())] == [str(number) for number in range(30)]
    assert reader.dropped == 0
