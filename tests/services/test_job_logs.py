"""What is asked for a log, and what its answers bring: each line once, in order, however often it is cut."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    ExecuteProjectJobMetadata,
    ReadProjectJobLogsRequest,
    ReadProjectJobLogsResponse,
)

from ds_ops_magic import OperationNotFound, OperationsError, PermissionDenied, ServiceRefused, UnreadableAnswer
from ds_ops_magic.model.waiting import Patience
from ds_ops_magic.services.job_logs import JobLog, job_id_of
from ds_ops_magic.services.log_readers import LogReader
from tests.support.messages import operation, packed
from tests.support.scripted_logs import cut, log_message, seeded

LINES = [f"{number} строка 😀" for number in range(100_000)]


def answers(pieces: list[bytes]) -> list[bytes]:
    """Return one answer a piece, each with the offset to ask from next."""
    return [
        ReadProjectJobLogsResponse(logs=[log_message("stdout", piece)], offset=number).SerializeToString()
        for number, piece in enumerate(pieces, 1)
    ]


def job_log(**how: Any) -> tuple[JobLog, LogReader]:
    log, reader = JobLog("op1", "job1", lambda: True, Patience(), **how), LogReader(waits=True)
    log.add(reader)
    return log, reader


def test_a_thousand_cuts() -> None:
    chance = seeded(1)
    served = answers(cut("".join(f"{line}\n" for line in LINES).encode(), chance, 1200))

    async def read() -> list[str]:
        log, reader = job_log()
        found: list[str] = []
        cuts = sorted(chance.sample(range(len(served)), 1000))
        for begin, end in zip([0, *cuts], [*cuts, len(served)], strict=True):
            asked = ReadProjectJobLogsRequest.FromString(log.request())
            assert asked.job_id == "job1"
            assert asked.offset == begin
            for answer in served[max(0, begin - chance.randint(0, 3)) : end]:  # some of them again
                log.take(answer)
            found += [text for batch in reader.take() for text in batch.texts()]
        log.end(None)
        return found + [text for batch in reader.take() for text in batch.texts()]

    assert asyncio.run(read()) == LINES


def test_within_a_stream_everything_is_shown() -> None:
    async def read() -> list[bool]:
        log, _ = job_log()
        log.request()
        first, second = answers([b"a\n", b"b\n"])
        brought = [log.take(one) for one in (first, first, second)]
        log.request()
        return brought + [log.take(one) for one in (first, second)]

    assert asyncio.run(read()) == [True, True, True, False, False]


def test_an_answer_that_is_none() -> None:
    log, _ = job_log()
    with pytest.raises(UnreadableAnswer, match="op1: the answer of 3 bytes cannot be read"):
        log.take(b"\xff\xff\xff")


def test_a_file_that_is_called_as_a_stream() -> None:
    async def read() -> list[str]:
        log, reader = job_log()
        logs = [log_message(source, b"x\n") for source in ("stdout", "stderr", "out/model.log")]
        logs[0].file_path = "stdout"
        log.take(ReadProjectJobLogsResponse(logs=logs, offset=1).SerializeToString())
        return [batch.source for batch in reader.take()]

    assert asyncio.run(read()) == ["./stdout", "stderr", "out/model.log"]


def test_the_job_of_an_operation() -> None:
    metadata = ExecuteProjectJobMetadata()
    metadata.job.id = "bt1job"
    assert job_id_of("op1", operation(metadata=packed(metadata))) == "bt1job"
    assert job_id_of("job:bt1abc", operation()) == "bt1abc"
    for other in (operation(), operation(metadata=packed(ExecuteProjectJobMetadata()))):
        with pytest.raises(OperationsError, match=r"op1 has no log: it names no DataSphere job") as caught:
            job_id_of("op1", other)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("UNIMPLEMENTED", ServiceRefused, "op1: its service has no logs that can be read."),
        ("NOT_FOUND", OperationNotFound, "The service has no log of op1."),
        ("PERMISSION_DENIED", PermissionDenied, "No permission for the log of op1."),
        ("DATA_LOSS", ServiceRefused, "op1: the service refused to answer."),
    ],
)
def test_refused(code: str, kind: type[OperationsError], words: str) -> None:
    error = job_log()[0].refusal(code, "\x1b[31mno")
    assert type(error) is kind
    assert error.args[0] == words
    assert "\x1b" not in str(error)
    assert getattr(error, "code", code) == code
