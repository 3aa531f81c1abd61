"""The logs of jobs: which lines have appeared, and a stream of them until the job is over."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, NamedTuple

from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    LogMessage,
    ReadProjectJobLogsRequest,
    ReadProjectJobLogsResponse,
    ReadProjectJobStdLogsRequest,
    ReadProjectJobStdLogsResponse,
    StandardStream,
    StdLog,
)

from ds_ops_magic.local.errors import StatusError
from ds_ops_magic.local.repository import is_waiting
from ds_ops_magic.local.simulated_job import job_of, log_of
from ds_ops_magic.local.simulated_log import STDERR, STDOUT, LogLine, SimulatedLog
from ds_ops_magic.local.simulation import stops_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ds_ops_magic.local.project_jobs import ProjectJobs
    from ds_ops_magic.local.repository import OperationRepository
    from ds_ops_magic.local.store import Row

FROM_NOW = -1
"""The offset of a reader that wants only what comes from now on."""

LONGEST_PAUSE = 0.5
"""Seconds between two looks at a job: a cancel, which may come from another process, is seen after that."""
_SHORTEST_PAUSE = 0.05
_MAX_LINES = 1000
_MAX_BYTES = 256 * 1024

_STREAMS = {STDOUT: StandardStream.OUT, STDERR: StandardStream.ERR}
_TYPES = {STDOUT: StdLog.OUT, STDERR: StdLog.ERR}


class _Appeared(NamedTuple):
    lines: int
    is_over: bool
    next_in: float  # seconds until the next line


class _Chunk(NamedTuple):
    lines: list[tuple[LogLine, int]]  # with the time that each appeared, in nanoseconds since the epoch
    offset: int


class JobLogs:
    """The logs of the jobs of a repository. An offset is a number of lines. Reading changes no job."""

    def __init__(self, repository: OperationRepository, jobs: ProjectJobs) -> None:
        self._repository = repository
        self._jobs = jobs
        self._lock = threading.Lock()
        # Of all that are being read, so that readers of one log share it.
        self._logs: weakref.WeakValueDictionary[str, SimulatedLog] = weakref.WeakValueDictionary()

    def read(
        self, request: ReadProjectJobLogsRequest, wait: Callable[[float], bool]
    ) -> Iterator[ReadProjectJobLogsResponse]:
        """Give what has appeared since an offset, and what appears, until the job is over.

        ``wait`` gets seconds, and says whether to stop.
        """
        for lines, offset in self._follow(request.job_id, request.offset, wait):
            yield ReadProjectJobLogsResponse(logs=[_log_message(*line) for line in lines], offset=offset)

    def read_std(
        self, request: ReadProjectJobStdLogsRequest, wait: Callable[[float], bool]
    ) -> Iterator[ReadProjectJobStdLogsResponse]:
        """Give the lines of stdout and stderr, as `read` does."""
        for lines, offset in self._follow(request.job_id, request.offset, wait):
            logs = [
                StdLog(content=line.content, type=_TYPES[line.source]) for line, _ in lines if line.source in _TYPES
            ]
            yield ReadProjectJobStdLogsResponse(logs=logs, offset=offset)

    def _follow(self, job_id: str, offset: int, wait: Callable[[float], bool]) -> Iterator[_Chunk]:
        if offset < FROM_NOW:
            raise StatusError("INVALID_ARGUMENT", "An offset is a number from 0 on, or -1 for what comes from now on")
        row = self._jobs.row(job_id)
        log = self._log(row)
        if offset == FROM_NOW:
            offset = self._appeared(row, log).lines
        while True:
            appeared = self._appeared(row, log)
            while offset < appeared.lines:
                chunk = _chunk(row, log, offset, appeared.lines)
                yield chunk
                offset = chunk.offset
            if appeared.is_over or wait(min(LONGEST_PAUSE, max(_SHORTEST_PAUSE, appeared.next_in))):
                return
            row = self._jobs.row(job_id)

    def _log(self, row: Row) -> SimulatedLog:
        with self._lock:
            log = self._logs.get(row.id)
            if log is None:
                with self._repository.database_status():
                    length = 0 if row.simulation is None else job_of(row.simulation).simulation.length
                    log = SimulatedLog(log_of(self._repository.log_text(row.id)), length)
                self._logs[row.id] = log
            return log

    def _appeared(self, row: Row, log: SimulatedLog) -> _Appeared:
        with self._repository.database_status():
            if row.simulation is None or is_waiting(row):
                return _Appeared(0, row.done, LONGEST_PAUSE)
            end = stops_at(job_of(row.simulation).simulation, row.created_at, row.cancel_requested)
        now = self._repository.now()
        count = log.count_at(max(0, (end if row.done else min(now, end)) - row.created_at))
        due = row.created_at + log.time_of(count) if count < len(log.lines) else end
        return _Appeared(count, row.done, (due - now) / 1e9 if due > now else LONGEST_PAUSE)


def _chunk(row: Row, log: SimulatedLog, offset: int, count: int) -> _Chunk:
    lines, size = [], 0
    for number in range(offset, min(count, offset + _MAX_LINES)):
        line = log.lines[number]
        lines.append((line, row.created_at + log.time_of(number)))
        size += len(line.text)
        if size >= _MAX_BYTES:
            break
    return _Chunk(lines, offset + len(lines))


def _log_message(line: LogLine, appeared_at: int) -> LogMessage:
    message = LogMessage(content=line.content)
    if line.source in _STREAMS:
        message.standard_stream = _STREAMS[line.source]
    else:
        message.file_path = line.source
    message.created_at.FromNanoseconds(appeared_at)
    return message
