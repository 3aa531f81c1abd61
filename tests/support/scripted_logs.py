"""A real gRPC server of one job and its log, whose streams break, stand still and repeat themselves as a test says."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    ExecuteProjectJobMetadata,
    LogMessage,
    ReadProjectJobLogsRequest,
    ReadProjectJobLogsResponse,
)
from yandex.cloud.operation.operation_pb2 import Operation

from tests.support.scripted import Call, ScriptedServer, message

OUT, ERR = 1, 2
Piece = tuple[str, bytes]
"""A message of a log: ``stdout``, ``stderr`` or the path of a file, and what was written."""


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # a test is to come out the same


def log_message(source: str, content: bytes, created_at: float | None = 1_700_000_000.0) -> LogMessage:
    made = LogMessage(content=content)
    if source in ("stdout", "stderr"):
        made.standard_stream = OUT if source == "stdout" else ERR  # type: ignore[assignment]
    else:
        made.file_path = source
    if created_at is not None:
        made.created_at.FromNanoseconds(int(created_at * 1e9))
    return made


def cut(content: bytes, chance: random.Random, longest: int = 4096) -> list[bytes]:
    """Cut bytes anywhere: within a line, a line end, a character."""
    pieces, begin = [], 0
    while begin < len(content):
        end = begin + chance.randint(1, longest)
        pieces.append(content[begin:end])
        begin = end
    return pieces


class Job:
    """A job, its operation, and what it has written so far.

    Attributes:
        stream: What answers a reading: gets the job, the offset and the call, and yields responses.
        refusal: The code that a reading is refused with, None while it is answered.
    """

    def __init__(self, operation_id: str = "op1", job_id: str = "job1") -> None:
        self.operation_id, self.job_id = operation_id, job_id
        self.stream: Callable[[Job, int, grpc.ServicerContext], Iterator[ReadProjectJobLogsResponse]] = until_the_end
        self.refusal: grpc.StatusCode | None = None
        self.ended: dict[str, Any] | None = None
        self.responses: list[ReadProjectJobLogsResponse] = []
        self.changed = threading.Condition()
        self.reads: list[int] = []  # the offset of each
        self.open = 0
        self.most_open = 0

    def write(self, *pieces: Piece, created_at: float | None = None) -> None:
        """Write messages, one answer; its offset is where to ask from next."""
        with self.changed:
            offset = len(self.responses) + 1
            logs = [log_message(source, content, created_at or time.time()) for source, content in pieces]
            self.responses.append(ReadProjectJobLogsResponse(logs=logs, offset=offset))
            self.changed.notify_all()

    def end(self, **how: Any) -> None:
        """Have the operation end, as `tests.support.scripted.message` takes it."""
        with self.changed:
            self.ended = how
            self.changed.notify_all()

    def operation(self, call: Call) -> Operation:
        made = message(self.operation_id, done=self.ended is not None, **(self.ended or {}))
        metadata = ExecuteProjectJobMetadata()
        metadata.job.id = self.job_id
        made.metadata.Pack(metadata)
        return made

    def read(self, request: ReadProjectJobLogsRequest, context: grpc.ServicerContext) -> Iterator[Any]:
        if self.refusal is not None:
            context.abort(self.refusal, "no logs for you")
        with self.changed:
            self.reads.append(request.offset)
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            offset = len(self.responses) if request.offset < 0 else request.offset
        try:
            yield from self.stream(self, offset, context)
        finally:
            with self.changed:
                self.open -= 1


def until_the_end(job: Job, offset: int, context: grpc.ServicerContext) -> Iterator[ReadProjectJobLogsResponse]:
    """Give what is there and what comes, and end when the job has."""
    while context.is_active():
        with job.changed:
            news, ended = job.responses[offset:], job.ended is not None
            if not news and not ended:
                job.changed.wait(0.1)
                continue
        yield from news
        offset += len(news)
        if ended and not news:
            return


def what_is_there(job: Job, offset: int, context: grpc.ServicerContext) -> Iterator[ReadProjectJobLogsResponse]:
    """Give what is there, and end."""
    yield from list(job.responses[offset:])


def standing_still(job: Job, offset: int, context: grpc.ServicerContext) -> Iterator[ReadProjectJobLogsResponse]:
    """Give what is there, and then nothing, for as long as somebody listens."""
    yield from list(job.responses[offset:])
    closed = threading.Event()
    if context.add_callback(closed.set):
        closed.wait()


def cut_anywhere(chance: random.Random, codes: Sequence[grpc.StatusCode] = (grpc.StatusCode.UNAVAILABLE,)) -> Any:
    """Give a few answers, some of them again that were given before, and break or end."""

    def stream(job: Job, offset: int, context: grpc.ServicerContext) -> Iterator[ReadProjectJobLogsResponse]:
        back = offset - min(offset, chance.randint(0, 2))
        ahead = offset + chance.randint(0, 40)
        yield from list(job.responses[back:ahead])
        if chance.random() < 0.7:
            context.abort(chance.choice(codes), "cut")

    return stream


class LogServer(ScriptedServer):
    """The operation service and the job service of one job."""

    def __init__(self, job: Job, **how: Any) -> None:
        self.job = job
        handler = grpc.unary_stream_rpc_method_handler(
            job.read,
            ReadProjectJobLogsRequest.FromString,
            lambda answer: answer if isinstance(answer, bytes) else answer.SerializeToString(),
        )
        service = "yandex.cloud.datasphere.v2.jobs.ProjectJobService"
        handlers = grpc.method_handlers_generic_handler(service, {"ReadLogs": handler})
        super().__init__(job.operation, more=[lambda server: server.add_generic_rpc_handlers((handlers,))], **how)
