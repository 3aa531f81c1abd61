"""The changes of a Watch, one after the other: sync and async, begun early and late, left and cut short."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.view import Update
from ds_ops_magic.watch import Watch
from tests.support.following import client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, Stage, message, running_then


def read_async(watch: Watch) -> list[Update]:
    async def main() -> list[Update]:
        return [change async for change in watch]

    return asyncio.run(main())


READERS = pytest.mark.parametrize("reader", [list, read_async])
COURSE = [{}, {"description": "half way"}, {"error": (8, "failing")}, {"error": (8, "failed"), "done": True}]


def course(call: Call) -> Any:
    made = message(call.id, **COURSE[min(call.number, len(COURSE)) - 1])
    made.modified_at.FromSeconds(1_700_000_000)  # not touched while its metadata and its error change
    return made


@READERS
def test_the_whole_course_of_an_operation(reader: Callable[[Watch], list[Update]]) -> None:
    reading = threading.Event()

    def answer(call: Call) -> Any:
        reading.wait(5)
        return course(call)

    with ScriptedServer(answer) as server, client_of(server) as client, ThreadPoolExecutor(1) as pool:
        watch = client.watch("a")
        read_all = pool.submit(reader, watch)
        until(lambda: watch._subscribers.readers)  # from here on it misses nothing
        reading.set()
        changes = read_all.result(5)
    assert [change.after.status.value for change in changes] == ["running", "running", "failing", "failed"]
    assert changes[0].before is None
    assert all(later.before == earlier.after for earlier, later in pairwise(changes))
    assert [change.ended for change in changes] == [False, False, False, True]


@READERS
def test_every_end_comes_once_to_every_reader(reader: Callable[[Watch], list[Update]]) -> None:
    names = [f"o{number}" for number in range(30)]
    answer = running_then(message(done=True), after=3)
    with ScriptedServer(answer) as server, client_of(server, rate=10_000.0) as client, ThreadPoolExecutor(5) as pool:
        watch = client.watch(*names)
        reading = [pool.submit(reader, watch) for _ in range(4)]
        watch.wait(10)
        reading.append(pool.submit(reader, watch))
        for future in reading:
            changes = future.result(5)
            ends = Counter(change.id for change in changes if change.ended)
            assert ends == dict.fromkeys(names, 1)
            last = {change.id: index for index, change in enumerate(changes)}
            assert all(changes[index].ended for index in last.values())  # and nothing comes after an end


@READERS
def test_a_reader_that_begins_late_is_told_what_is_known_first(reader: Callable[[Watch], list[Update]]) -> None:
    stage = Stage()
    stage.set("a", done=True)
    with ScriptedServer(stage) as server, client_of(server) as client, ThreadPoolExecutor(1) as pool:
        watch = client.watch("a", "b")
        until(lambda: all(watch.operations))
        reading = pool.submit(reader, watch)
        stage.set("b", done=True)
        first, *others = reading.result(5)
    assert (first.id, first.before, first.after.status, first.ended) == ("a", None, Status.SUCCEEDED, True)
    assert {change.id for change in others} == {"b"}
    assert others[0].before is None
    assert others[-1].ended


@READERS
@pytest.mark.parametrize("end", ["stop", "close"])
def test_a_reader_is_released_when_the_watching_ends(reader: Callable[[Watch], list[Update]], end: str) -> None:
    with ScriptedServer(Stage()) as server, client_of(server) as client, ThreadPoolExecutor(1) as pool:
        watch = client.watch("a")
        reading = pool.submit(reader, watch)
        until(lambda: watch.operations[0])
        with lasting(0.0, 1.0):
            getattr(watch if end == "stop" else client, end)()
            changes = reading.result(5)
        assert [change.error is not None for change in changes] == [False] + [True] * (end == "close")
        assert len(reader(watch)) == 1  # what was known; it ends there


def test_a_reader_that_leaves_early_harms_nobody() -> None:
    with ScriptedServer(running_then(message(done=True), after=3)) as server, client_of(server) as client:
        watch = client.watch("a", "b")
        assert next(iter(watch)).before is None

        async def first() -> Update:
            return await anext(aiter(watch))

        assert asyncio.run(first()).id in ("a", "b")
        assert [operation.done for operation in watch.wait(5)] == [True, True]


def test_several_event_loops_and_several_tasks_read_and_wait_at_once() -> None:
    stage, together = Stage(), threading.Barrier(4)

    async def one(watch: Watch, how: int) -> int:
        if how == 0:
            return len([change async for change in watch if change.ended])
        return len(await watch if how == 1 else await watch.wait_async(10))

    def loop(watch: Watch) -> list[int]:
        async def main() -> list[int]:
            tasks = [asyncio.create_task(one(watch, how)) for how in (0, 1, 2, 0)]
            await asyncio.sleep(0)
            await asyncio.to_thread(together.wait, 5)
            return await asyncio.gather(*tasks)

        return asyncio.run(main())

    with ScriptedServer(stage) as server, client_of(server) as client, ThreadPoolExecutor(3) as pool:
        watch = client.watch("a", "b")
        loops = [pool.submit(loop, watch) for _ in range(3)]
        together.wait(5)
        stage.set("a", done=True)
        stage.set("b", done=True)
        assert [found.result(5) for found in loops] == [[2, 2, 2, 2]] * 3


def test_a_loop_that_is_closed_while_it_reads_is_forgotten() -> None:
    stage = Stage()
    with ScriptedServer(stage) as server, client_of(server) as client:
        watch = client.watch("a")

        async def begin() -> None:
            reader = watch.__aiter__()
            await reader.__anext__()
            held.append(reader)  # kept, so that its end comes after that of the loop

        held: list[Any] = []
        asyncio.run(begin())
        stage.set("a", done=True)
        assert watch.wait(5)[0].done


def test_awaiting_leaves_the_loop_free() -> None:
    stage = Stage()

    async def main(watch: Watch) -> int:
        waiting, turns = asyncio.create_task(watch.wait_async()), 0
        while not waiting.done():
            turns += 1
            if turns == 50:
                stage.set("a", done=True)
            await asyncio.sleep(0.001)
        assert (await waiting)[0].done
        return turns

    with ScriptedServer(stage) as server, client_of(server) as client:
        assert asyncio.run(main(client.watch("a"))) >= 50


def test_cancelling_a_task_ends_its_reading() -> None:
    async def main(watch: Watch) -> None:
        async def read_on() -> None:
            async for _ in watch:
                pass

        reading = [asyncio.create_task(read_on()) for _ in range(5)]
        while len(watch._subscribers.readers) < 5:
            await asyncio.sleep(0.001)
        for task in reading:
            task.cancel()
        ends = await asyncio.gather(*reading, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
        assert not watch._subscribers.readers
        assert not watch.view().stopped

    with ScriptedServer(Stage()) as server, client_of(server) as client:
        asyncio.run(main(client.watch("a")))


def test_cancelling_a_task_leaves_the_watch() -> None:
    stage = Stage()

    async def main(watch: Watch) -> None:
        waiting = asyncio.create_task(watch.wait_async())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not watch.view().stopped
        assert not watch._subscribers._signals  # nothing is left of the wait
        stage.set("a", done=True)
        assert (await watch)[0].done

    with ScriptedServer(stage) as server, client_of(server) as client:
        asyncio.run(main(client.watch("a")))
