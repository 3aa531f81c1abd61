"""Logs that several look at over one stream, and the stderr of what failed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from ds_ops_magic import FIRST, OperationClient, OperationFailed
from ds_ops_magic.log_reading import LogReading, join_log
from ds_ops_magic.model.waiting import ReturnWhen
from ds_ops_magic.services.log_readers import LogReader, Room
from tests.support.following import client_of, lasting, until
from tests.support.scripted_logs import Job, LogServer, standing_still, until_the_end


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def client(job: Job) -> Iterator[OperationClient]:
    with LogServer(job) as server, client_of(server) as made:
        yield made


def joined(client: OperationClient, job: Job, **how: Any) -> LogReading:
    reader = LogReader(waits=False, **how)
    return join_log(client._poller.started(), "op1", job.job_id, lambda: job.ended is not None, reader)


def taken(reading: LogReading) -> list[str]:
    return [text for batch in reading.take() for text in batch.texts()]


def first_of(reading: LogReading, number: int) -> list[str]:
    """Wait for so many lines, which may come one by one."""
    found: list[str] = []
    until(lambda: found.extend(taken(reading)) or len(found) >= number)
    return found


def test_one_stream_for_all_who_look(job: Job, client: OperationClient) -> None:
    assert job.reads == []
    with joined(client, job) as first:
        job.write(("stdout", b"one\n"), ("stderr", b"two\n"))
        until(lambda: first.size)
        with joined(client, job, sources=("stdout",)) as second:
            assert first_of(second, 1) == ["one"]  # of before it came
            job.write(("stdout", b"three\n"))
            assert first_of(second, 1) == ["three"]
        assert first_of(first, 3) == ["one", "two", "three"]
        assert (job.most_open, len(job.reads)) == (1, 1)
    until(lambda: job.open == 0)
    with joined(client, job) as again:
        assert first_of(again, 3) == ["one", "two", "three"]
    until(lambda: job.open == 0)
    assert len(job.reads) == 2


def test_who_drops_its_reading_leaves(job: Job, client: OperationClient) -> None:
    reading = joined(client, job)
    until(lambda: job.open == 1)
    del reading
    until(lambda: job.open == 0)


def test_what_comes_faster_than_it_is_taken_is_dropped_and_counted(job: Job, client: OperationClient) -> None:
    with joined(client, job, room=Room(lines=100)) as reading:
        for number in range(100):
            job.write(("stdout", b"".join(b"%d\n" % (number * 10 + line) for line in range(10))))
        job.end()
        until(lambda: reading.ended)
        assert taken(reading) == [str(number) for number in range(900, 1000)]
        assert reading.dropped == 900
        reading.check()


def test_nobody_waits_for_who_looks(job: Job, client: OperationClient) -> None:
    with pytest.raises(ValueError, match="nobody waits"):
        join_log(client._poller.started(), "op1", "job1", lambda: True, LogReader(waits=True))


LOG = ("stderr", b"".join(b"line %d\n" % number for number in range(50)) + b"Killed t1." + b"x" * 40)
LAST = (*(f"line {number}" for number in range(31, 50)), "Killed (token)")


@pytest.mark.parametrize("stream", [until_the_end, standing_still])
def test_a_failure_has_the_end_of_its_stderr(job: Job, client: OperationClient, stream: Any) -> None:
    job.stream = stream
    job.write(("stdout", b"nothing\n"), LOG)
    job.end(error=(9, "the program failed"))
    with lasting(0.0, 3.5), pytest.raises(OperationFailed) as caught:
        client.wait("op1")
    assert caught.value.stderr == LAST
    with pytest.raises(OperationFailed) as caught:
        asyncio.run(client.wait_async("op1"))
    assert caught.value.stderr == LAST


def test_the_panel_has_it_and_reads_once(job: Job, client: OperationClient) -> None:
    job.write(LOG)
    job.end(error=(9, "the program failed"))
    watch = client.watch("op1")
    for _ in range(2):
        with pytest.raises(OperationFailed):
            watch.wait()
    assert watch.view().entries[0].stderr == LAST
    assert len(job.reads) == 2  # and one more, which has brought nothing


@pytest.mark.parametrize("how", [{}, {"error": (1, "cancelled")}])
def test_nothing_is_read_of_what_did_not_fail(job: Job, client: OperationClient, how: Any) -> None:
    job.write(LOG)
    job.end(**how)
    watch = client.watch("op1")
    watch.wait_until(lambda: watch.done)
    with contextlib.suppress(OperationFailed):
        watch.wait()
    watch.wait(return_when=FIRST)
    assert job.reads == []


def test_none_are_wanted(job: Job, client: OperationClient) -> None:
    job.write(LOG)
    job.end(error=(9, "the program failed"))
    watch = client.watch("op1")
    watch.stderr_lines = 0
    with pytest.raises(OperationFailed):
        watch.wait()
    assert job.reads == []


def test_the_deadline_of_the_wait_holds(job: Job, client: OperationClient) -> None:
    job.stream = standing_still
    job.write(("stderr", b"a line\n"))
    job.end(error=(9, "the program failed"))
    with lasting(0.0, 1.0), pytest.raises(OperationFailed):
        client.wait("op1", timeout=0.8)


def test_of_many_failures_three_are_read(job: Job, client: OperationClient) -> None:
    job.write(("stderr", b"a line\n"))
    job.end(error=(9, "the program failed"))
    job.operation_id = ""  # each answer is about what was asked for
    watch = client.watch(*(f"op{number}" for number in range(7)))
    with pytest.raises(Exception, match="7 of 7 operations failed"):
        watch.wait(return_when=ReturnWhen.ALL)
    assert sum(bool(entry.stderr) for entry in watch.view().entries) == 3
    assert len(job.reads) == 6
