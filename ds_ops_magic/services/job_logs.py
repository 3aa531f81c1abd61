"""The log of a DataSphere job: what is asked for, and the lines in the answers, for all who read it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    ReadProjectJobLogsRequest,
    ReadProjectJobLogsResponse,
    StandardStream,
)

from ds_ops_magic.model import errors
from ds_ops_magic.model.errors import OperationsError, ServiceRefused
from ds_ops_magic.model.grpc_codes import error_for
from ds_ops_magic.model.ids import JOB, shown_id, split_key
from ds_ops_magic.model.log_line import STDERR, STDOUT, Batch, utc
from ds_ops_magic.model.waiting import Patience
from ds_ops_magic.services.job_facts import job_of
from ds_ops_magic.services.jobs import SERVICE
from ds_ops_magic.services.log_lines import LineAssembler
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.services.log_readers import LogReader

READ_LOGS = "/yandex.cloud.datasphere.v2.jobs.ProjectJobService/ReadLogs"
FROM_NOW = -1
"""The offset of what is written from now on (``project_job_service.proto``)."""
_NEWS_INTERVAL = 0.02  # seconds between two times that readers are woken: not once for every line


def job_id_of(key: str, operation: Operation) -> str:
    """Return the id of the job that an operation executes.

    Raises:
        OperationsError: It executes none, or does not say which.
    """
    service, bare_id = split_key(key)
    if service == JOB:
        return bare_id
    job = job_of(operation)
    if job is None:
        raise OperationsError(
            f"{shown_id(key)} has no log: it names no DataSphere job, and the logs of jobs are all that can be read."
        )
    return job.id


class JobLog:
    """One reading of the log of a job (`ds_ops_magic.polling.streams.Stream`), shared by its readers.

    Args:
        operation_id: What errors call it.
        job_id: The job.
        is_over: Tells whether the job has ended; called often.
        patience: For how long a stream may stand still once it has.
        once: Whether the first stream that ends or stands still is the last one.
        offset: Where to begin: 0, or `FROM_NOW`.
        until: Lines of later than that end the reading, where the log is read as it is now; UTC.
    """

    service = SERVICE
    method = READ_LOGS

    def __init__(
        self,
        operation_id: str,
        job_id: str,
        is_over: Callable[[], bool],
        patience: Patience,
        *,
        once: bool = False,
        offset: int = 0,
        until: datetime | None = None,
    ) -> None:
        self.operation_id = operation_id
        self.patience = patience
        self.once = once
        self.is_over = is_over
        self.error: OperationsError | None = None
        self.ended = False
        self.readers: list[LogReader] = []
        self.size = 0  # bytes that have come
        self._job_id = job_id
        self._offset = offset
        self._has_answers = self._is_repeated = False
        self._until = until
        self._assembler = LineAssembler()
        self._lock = threading.RLock()
        self._waking: asyncio.TimerHandle | None = None

    def add(self, reader: LogReader, recent: LogReader | None = None) -> None:
        """Have a reader given what comes from now on, and first what another one holds."""
        with self._lock:
            for batch in recent.held() if recent is not None else ():
                reader.put(batch)
            self.readers = [*self.readers, reader]

    def remove(self, reader: LogReader) -> None:
        with self._lock:
            self.readers = [one for one in self.readers if one is not reader]
        reader.take()  # the log may wait for it

    def request(self) -> bytes:
        self._is_repeated = self._has_answers
        request = ReadProjectJobLogsRequest(job_id=self._job_id, offset=self._offset)
        return bytes(request.SerializeToString())

    def take(self, answer: bytes) -> bool:
        try:
            response = ReadProjectJobLogsResponse.FromString(answer)
        except DecodeError as error:
            raise errors.unreadable(self.operation_id, len(answer), str(error)) from None
        if self._is_repeated and response.offset <= self._offset:
            return False
        self._is_repeated, self._has_answers = False, True
        self._offset = response.offset
        self.size += len(answer)
        with self._lock:
            for message in response.logs:
                self._take_message(message)
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(_NEWS_INTERVAL, self._wake)
        return True

    def has_room(self) -> bool:
        return not any(reader.waits and reader.is_full for reader in self.readers)

    async def room(self) -> None:
        self._wake()
        for reader in self.readers:
            if reader.waits:
                await reader.room()

    def refusal(self, code: str, message: str) -> OperationsError:
        return _refusal(code, message, shown_id(self.operation_id))

    def end(self, error: OperationsError | None) -> None:
        """Give the unfinished lines, and tell the readers that there will be no more."""
        with self._lock:
            for batch in self._assembler.finish():
                self._give(batch)
            self.error, self.ended = error, True
        self._wake()

    def _take_message(self, message: Any) -> None:
        stamp = message.created_at
        created_at = utc(stamp.seconds, stamp.nanos)
        if self._until is not None and created_at is not None and created_at > self._until:
            self.once, self.is_over = True, lambda: True
            self.patience = Patience(0.0, 0.0)
        source = message.file_path
        if not source:
            source = STDERR if message.standard_stream == StandardStream.ERR else STDOUT
        elif source in (STDOUT, STDERR):
            source = f"./{source}"  # a file of that name
        for batch in self._assembler.add(source, message.content, created_at):
            self._give(batch)

    def _give(self, batch: Batch) -> None:
        for reader in self.readers:
            reader.put(batch)

    def _wake(self) -> None:
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None
        for reader in self.readers:
            reader.wake()


def _refusal(code: str, message: str, shown: str) -> OperationsError:
    if code == "UNIMPLEMENTED":
        problem, hint = f"{shown}: its service has no logs that can be read.", "The operation itself goes on."
    elif code == "NOT_FOUND":
        problem, hint = f"The service has no log of {shown}.", f"Check the id; the operation itself: %op get {shown}"
    elif code == "PERMISSION_DENIED":
        problem = f"No permission for the log of {shown}."
        hint = "Ask for a role in its project, or connect as someone who has one: %op connect"
    else:
        return error_for(code, message, shown, "logs")
    error = type(error_for(code, message, shown))(problem, one_line(f"{code}: {message}"), hint)
    if isinstance(error, ServiceRefused):
        error.code = code
    return error
