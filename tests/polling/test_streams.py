"""Calls that many messages answer: how they end, and what a fork, a deadline or another's SDK do to them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc

from ds_ops_magic.connection.connection import EndpointConnection, Options
from ds_ops_magic.connection.sdk import StubConnection
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.model.waiting import Patience
from ds_ops_magic.polling.host import Host
from ds_ops_magic.polling.retry import CallFailed
from ds_ops_magic.polling.streams import read_to_end
from ds_ops_magic.services.job_logs import READ_LOGS, JobLog
from ds_ops_magic.services.log_readers import LogReader, Room
from tests.polling.test_channel import OddToken
from tests.support.calling import calling
from tests.support.following import lasting, poller_threads, until
from tests.support.scripted_logs import Job, LogServer, standing_still, until_the_end


async def drained(host: Host, log: JobLog, timeout: float = 30.0) -> CallFailed | None:
    try:
        async for answer in host.stream(READ_LOGS, "op1", log.request(), timeout):
            log.take(answer)
    except CallFailed as failed:
        return failed
    return None


def job_log(job: Job, *, waits: bool = False, room: Room | None = None) -> tuple[JobLog, LogReader]:
    log = JobLog("op1", "job1", lambda: job.ended is not None, Patience())
    reader = LogReader(waits=waits, room=room or Room())
    log.add(reader)
    return log, reader


def texts(reader: LogReader) -> list[str]:
    return [text for batch in reader.take() for text in batch.texts()]


class WithoutDeadlines(EndpointConnection):
    """Its channel forgets the deadlines of streams, as one does whose poller has stalled."""

    def channel(self, options: Options, service: str = OPERATION) -> grpc.aio.Channel:
        channel = super().channel(options)
        opened = channel.unary_stream
        channel.unary_stream = lambda method: (
            lambda request, *, timeout, **how: opened(method)(request, **how)  # type: ignore[method-assign]
        )
        return channel


def test_a_stream_ends_though_grpc_forgets_its_deadline() -> None:
    job = Job()
    job.stream = standing_still
    with LogServer(job) as server, lasting(1.0, 3.5):
        failed = calling(WithoutDeadlines(server.address), lambda host: drained(host, job_log(job)[0], 0.1))
    assert failed is not None
    assert failed.code == "DEADLINE_EXCEEDED"


def test_a_quiet_stream_is_no_silence_of_the_service() -> None:
    job = Job()
    job.stream = standing_still

    async def work(host: Host) -> None:
        failed = await drained(host, job_log(job)[0], 0.2)
        assert failed is not None
        assert failed.code == "DEADLINE_EXCEEDED"
        assert (host.health.failures, host.health.current.silent_for) == (0, None)

    with LogServer(job) as server:
        calling(server, work)


def test_a_stream_that_cannot_be_asked_for_tells_no_secret() -> None:
    job = Job()
    with LogServer(job) as server:
        failed = calling(OddToken(server.address), lambda host: drained(host, job_log(job)[0]))
    assert failed is not None
    assert failed.code == "INTERNAL"
    assert "s3cr3t" not in failed.message
    assert job.reads == []


def test_an_sdk_that_only_makes_single_calls() -> None:
    class Sdk:
        def client(self, _: Any) -> object:
            return type("Stub", (), {"Get": None, "Cancel": None})()

    job = Job()
    log, _ = job_log(job)

    calling(StubConnection(Sdk()), lambda host: read_to_end(host, log))
    assert isinstance(log.error, OperationsError)
    assert str(log.error).splitlines()[:2] == [
        "op1: its service has no logs that can be read.",
        "UNIMPLEMENTED: the given SDK can be asked by single calls alone, which have no logs",
    ]


def test_a_fork_cuts_a_stream_which_goes_on_afterwards() -> None:
    """Also one whose reader is slow: nothing may refer to the channel while the process forks."""
    job = Job()
    job.stream = until_the_end
    for number in range(20):
        job.write(("stdout", b"%d %s\n" % (number, b"x" * 100)))

    async def work(host: Host) -> list[str]:
        quick, slow = job_log(job), job_log(job, waits=True, room=Room(size=500))
        reading = [asyncio.create_task(read_to_end(host, log)) for log, _ in (quick, slow)]
        await asyncio.to_thread(until, lambda: quick[1].held() and slow[1].is_full)
        host.channel.pause()
        await asyncio.wait_for(host.channel.close_while_paused(), 1.0)
        await asyncio.to_thread(until, lambda: not any("_poll_wrapper" in name for name in poller_threads(before)), 2.0)
        host.channel.resume()
        job.end()
        found = []
        while not all(task.done() for task in reading):
            found += texts(slow[1])
            await asyncio.sleep(0.01)
        found += texts(slow[1])
        assert [text.split()[0] for text in texts(quick[1])] == [text.split()[0] for text in found]
        assert quick[0].error is None
        return found

    before = threading.enumerate()
    with LogServer(job) as server:
        assert [text.split()[0] for text in calling(server, work)] == [str(number) for number in range(20)]
