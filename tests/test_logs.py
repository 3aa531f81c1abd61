"""client.logs() against a real server: each line once, in order, and an end whatever the stream does."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from ds_ops_magic import (
    LogLine,
    OperationClient,
    OperationNotFound,
    OperationsError,
    ServiceRefused,
    WaitInterrupted,
    WatchStopped,
)
from tests.support.following import client_of, lasting, until
from tests.support.local_service import in_child
from tests.support.scripted_logs import (
    Job,
    LogServer,
    cut,
    cut_anywhere,
    seeded,
    standing_still,
    until_the_end,
    what_is_there,
)

LINES = [f"{number} строка 😀" for number in range(2_000)]


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def server(job: Job) -> Iterator[LogServer]:
    with LogServer(job) as started:
        yield started


@pytest.fixture
def client(server: LogServer) -> Iterator[OperationClient]:
    with client_of(server) as made:
        yield made


def in_background(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("seed", range(4))
def test_cut_anywhere(job: Job, client: OperationClient, seed: int) -> None:
    chance = seeded(seed)
    for piece in cut("".join(f"{line}\n" for line in LINES).encode(), chance, 300):
        job.write(("stdout", piece))
    codes = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED)
    job.stream = cut_anywhere(chance, codes)
    job.end()
    assert [line.text for line in client.logs("op1")] == LINES
    assert len(job.reads) > 5


@pytest.mark.parametrize("stream", [until_the_end, what_is_there, standing_still])
def test_followed_to_the_end_of_the_job(job: Job, client: OperationClient, stream: Any) -> None:
    job.stream = stream
    job.write(("stdout", b"first\nsec"), ("stderr", b"oh"))
    came: list[LogLine] = []
    reading = in_background(lambda: came.extend(client.logs("op1")))
    until(lambda: job.reads)
    if stream is not standing_still:  # of which nothing more comes
        job.write(("stdout", b"ond\n"), ("x.log", b"not asked for\n"))
    job.end()
    reading.join(10.0)
    assert not reading.is_alive()
    rest = "second" if stream is not standing_still else "sec"
    assert [tuple(line)[:2] for line in came] == [("stdout", "first"), ("stdout", rest), ("stderr", "oh")]
    assert all(line.created_at and line.created_at.utcoffset() is not None for line in came)
    until(lambda: job.open == 0)


def test_a_job_that_has_ended_and_sends_nothing(job: Job, client: OperationClient) -> None:
    job.stream = standing_still
    job.end()
    with lasting(2.5, 5.0):
        assert list(client.logs("op1")) == []


def test_as_it_is_now(job: Job, client: OperationClient) -> None:
    job.write(("stdout", b"one\ntwo\nthr"))
    with lasting(0.3, 2.0):
        assert [line.text for line in client.logs("op1", follow=False)] == ["one", "two", "thr"]
    until(lambda: job.open == 0)


def test_as_it_is_now_though_the_job_never_pauses(job: Job, client: OperationClient) -> None:
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.02):
            job.write(("stdout", b"more\n"))

    writing = in_background(write)
    try:
        with lasting(1.0, 5.0):
            assert len(list(client.logs("op1", follow=False))) > 20
    finally:
        over.set()
        writing.join()


def test_a_tail(job: Job, client: OperationClient) -> None:
    for line in LINES:
        job.write(("stdout", f"{line}\n".encode()))
    assert [line.text for line in client.logs("op1", follow=False, tail=3)] == LINES[-3:]
    came: list[str] = []
    reading = in_background(lambda: came.extend(line.text for line in client.logs("op1", tail=2)))
    until(lambda: len(came) == 2)
    job.write(("stdout", b"new\n"))
    job.end()
    reading.join(10.0)
    assert came == [*LINES[-2:], "new"]


def test_from_now(job: Job, client: OperationClient) -> None:
    job.write(("stdout", b"old\n"))
    came: list[str] = []
    reading = in_background(lambda: came.extend(line.text for line in client.logs("op1", tail=0)))
    until(lambda: job.reads)
    assert job.reads == [-1]
    until(lambda: job.open)
    job.write(("stdout", b"new\n"))
    job.end()
    reading.join(10.0)
    assert came == ["new"]


def test_awaited(job: Job, client: OperationClient) -> None:
    job.write(("stdout", b"one\ntwo\n"))

    async def read() -> list[str]:
        asyncio.get_running_loop().call_later(0.2, job.write, ("stdout", b"three\n"))
        asyncio.get_running_loop().call_later(0.3, job.end)
        return [line.text async for line in client.logs_async("op1")]

    assert asyncio.run(read()) == ["one", "two", "three"]


def test_nobody_reads_any_more(job: Job, client: OperationClient) -> None:
    job.write(("stdout", b"one\ntwo\n"))
    for line in client.logs("op1"):
        assert line.text == "one"
        break
    del line
    until(lambda: job.open == 0)
    assert client.logs("op1") is not None  # not begun: nothing is asked for
    assert len(job.reads) == 1


def test_stop(job: Job, client: OperationClient) -> None:
    job.write(("stdout", b"one\n"))
    lines = client.logs("op1")
    assert next(lines).text == "one"
    timer = threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    with lasting(0.0, 2.0), pytest.raises(WaitInterrupted, match=r"To go on reading: %op logs op1 -f$"):
        next(lines)
    until(lambda: job.open == 0)


def test_a_forked_child_reads_nothing_and_the_parent_goes_on(job: Job, client: OperationClient) -> None:
    job.write(("stdout", b"one\n"))
    lines = client.logs("op1")
    assert next(lines).text == "one"

    def refused() -> bool:
        with pytest.raises(WatchStopped):
            next(lines)
        return True

    assert in_child(refused) == 0
    job.write(("stdout", b"two\n"))
    job.end()
    assert [line.text for line in lines] == ["two"]


def test_a_watch_opens_no_stream(job: Job, client: OperationClient) -> None:
    with client.watch("op1") as watch:
        watch.wait_until(lambda: watch.view().all_seen)
        job.end()
        watch.wait()
    assert job.reads == []


def test_a_slow_reader_loses_nothing(job: Job, client: OperationClient) -> None:
    for number in range(300):
        job.write(("stdout", b"".join(b"%d %s\n" % (number * 100 + line, b"x" * 200) for line in range(100))))
    job.end()
    numbers = []
    for line in client.logs("op1"):
        numbers.append(int(line.text.split()[0]))
        if len(numbers) in (1, 10_000):
            time.sleep(0.5)  # for the buffer to be full
    assert numbers == list(range(30_000))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNIMPLEMENTED, ServiceRefused),
        (grpc.StatusCode.NOT_FOUND, OperationNotFound),
        (grpc.StatusCode.PERMISSION_DENIED, OperationsError),
    ],
)
def test_refused(job: Job, client: OperationClient, code: grpc.StatusCode, kind: type[OperationsError]) -> None:
    job.refusal = code
    with pytest.raises(kind, match="log"):
        next(client.logs("op1"))
    assert len(job.reads) == 0


def test_an_outage_amid_a_log_is_outlived(job: Job, server: LogServer, client: OperationClient) -> None:
    job.write(("stdout", b"before\n"))
    came: list[str] = []
    reading = in_background(lambda: came.extend(line.text for line in client.logs("op1")))
    until(lambda: came)
    port = server.port
    server.stop()
    time.sleep(0.5)
    with LogServer(job, port=port):
        job.write(("stdout", b"after\n"))
        until(lambda: len(came) == 2)
        job.end()
        reading.join(10.0)
    assert came == ["before", "after"]


def test_a_client_that_is_closed(job: Job, client: OperationClient) -> None:
    job.write(("stdout", b"one\n"))
    lines = client.logs("op1")
    assert next(lines).text == "one"
    client.close()
    with pytest.raises(WatchStopped):
        next(lines)


@pytest.mark.parametrize("wrong", [{"tail": -1}, {"tail": "3"}])
def test_wrong_arguments(client: OperationClient, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="tail is a number of lines"):
        client.logs("op1", **wrong)
    with pytest.raises(TypeError, match="sources is a collection"):
        client.logs("op1", sources="stdout")


def test_a_chatty_job_takes_little_memory(job: Job, client: OperationClient) -> None:
    """10,000 lines a second for a minute, as fast as they can be had: what is held does not grow with them."""
    line = b"epoch 00001 of 90000: loss 0.4321, accuracy 0.8765, learning rate 0.00010, 12.3 s\n"
    for _ in range(600):
        job.write(("stdout", line * 1000))
    job.end()
    next(client.logs("op1"))  # what is imported and made once
    tracemalloc.start()
    try:
        assert sum(1 for _ in client.logs("op1")) == 600_000
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 20_000_000
