"""What a client offers for DataSphere's jobs alone: the list of a project, and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic import asking
from ds_ops_magic.model import references
from ds_ops_magic.model.operations import Operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from ds_ops_magic.logs import LogRequest
    from ds_ops_magic.model.log_line import LogLine
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.references import Reference
    from ds_ops_magic.polling.owner import PollerOwner
    from ds_ops_magic.watch import Watch


class JobCalls:
    """The calls about jobs of an OperationClient."""

    _poller: PollerOwner

    def watch(self, *operations: Reference | Iterable[Reference]) -> Watch:
        raise NotImplementedError

    def list_jobs(self, project_id: str, limit: int | None = None) -> Operations[Operation]:
        """List the jobs of a DataSphere project, those that run first, then the newest; to be waited for as they are.

        The service tells of a job neither the exit code of its program nor its progress: the operation that executes
        it does.

        Args:
            project_id: The project, as the console shows it.
            limit: The most jobs to return; None for all. All of its pages are asked for in any case.

        Raises:
            OperationsError: There is no such project here, no permission to see its jobs, or no answer.
        """
        from ds_ops_magic.services.job_lists import list_jobs

        poller = self._poller.started()
        found = list_jobs(lambda call: asking.result_of(poller.call(call, project_id, "list")), project_id)
        return Operations(found[:limit])

    def logs(
        self,
        operation: Reference,
        follow: bool = True,
        tail: int | None = None,
        sources: Iterable[str] | None = ("stdout", "stderr"),
    ) -> Iterator[LogLine]:
        """Read the log of a DataSphere job line by line: each line once, in order, however often the stream is cut.

        It reads no faster than it is iterated over. Reading never starts or changes a job.

        Args:
            operation: The operation that executes the job, given as for `get`.
            follow: Whether to go on until the job has ended; else what is there now is read.
            tail: How many of the last lines to begin with; None for all, 0 for what comes from now on. A log can only
                be read from its beginning: of more than 10 MB, or 3 s, they are the last of these.
            sources: Whose lines: ``stdout``, ``stderr``, paths of files that the job has named; None for all.

        Raises:
            OperationsError: While iterating: it is no job, its service has no logs, or as for `get`.
            WaitInterrupted: While iterating: Stop was pressed as it waited for lines.
        """
        return self._log(operation, follow, tail, sources).lines()

    def logs_async(
        self,
        operation: Reference,
        follow: bool = True,
        tail: int | None = None,
        sources: Iterable[str] | None = ("stdout", "stderr"),
    ) -> AsyncIterator[LogLine]:
        """Read like `logs`, on the running event loop, whichever it is."""
        return self._log(operation, follow, tail, sources).lines_async()

    def _log(self, operation: Reference, *how: Any) -> LogRequest:
        from ds_ops_magic.logs import LogRequest

        operation_id = references.key_to_ask(operation)
        return LogRequest(operation_id, lambda: self.watch(operation_id), *how)
