"""The client that scripts and the magics share: get, cancel, wait and watch, sync and awaitable."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from ds_ops_magic import asking
from ds_ops_magic.job_calls import JobCalls
from ds_ops_magic.model import grpc_codes, references
from ds_ops_magic.model.errors import OperationsError, ServiceRefused
from ds_ops_magic.model.group_errors import NOT_ASKED, NOT_CANCELLED
from ds_ops_magic.model.waiting import ReturnWhen
from ds_ops_magic.polling.owner import PollerOwner
from ds_ops_magic.polling.schedule import Schedule
from ds_ops_magic.util.public_names import restore
from ds_ops_magic.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ds_ops_magic.connection.connection import Connection
    from ds_ops_magic.history.history import EndpointHistory, History
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations
    from ds_ops_magic.model.references import Reference
    from ds_ops_magic.polling.poller import Poller
    from ds_ops_magic.services.project_links import ProjectLinks
    from ds_ops_magic.util.pending import Pending

    _EveryEnd: TypeAlias = Literal[ReturnWhen.ALL, ReturnWhen.FIRST_FAILURE]  # what waits until each was seen

DEFAULT_RATE = 200.0  # calls per second
CONNECT_TIMEOUT = 2.0  # seconds


class OperationClient(JobCalls):
    """Asks one OperationService about operations, and waits for them.

    All its watches share one background poller: one thread, one channel, one rate budget. It starts with the first
    call. After ``fork()`` the child starts a poller of its own. Use it as a context manager, or `close` it.

    Args:
        connection: The address of the service, and the credentials.
        rate: The most calls per second, over all operations.
        connect_timeout: Seconds of silence, before the service has ever answered, that end every wait.
        schedule: When to ask again.
        history: Where to keep which operations were asked about, and their status; None keeps that nowhere.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        rate: float = DEFAULT_RATE,
        connect_timeout: float = CONNECT_TIMEOUT,
        schedule: Schedule | None = None,
        history: History | None = None,
    ) -> None:
        if not rate > 0:
            raise ValueError(f"rate must be above 0 calls a second, not {rate}")
        self.connection = connection
        self.history = history
        self._rate = rate
        self._connect_timeout = connect_timeout
        self._schedule = schedule

        def poller(owner: Callable[[], object]) -> Poller:
            from ds_ops_magic.polling.poller import Poller  # gRPC takes a quarter of a second to import
            from ds_ops_magic.services.registry import KnownServices

            services = KnownServices()
            return Poller(connection, schedule or Schedule(), rate, connect_timeout, owner=owner, services=services)

        self._poller = PollerOwner(poller)
        self._links: ProjectLinks | None = None

    def __repr__(self) -> str:
        return f"<OperationClient of {self.connection.endpoint}>"

    def __reduce__(self) -> tuple[Any, ...]:
        make = functools.partial(restore, "OperationClient") if type(self) is OperationClient else type(self)
        limits: dict[str, Any] = {"rate": self._rate, "connect_timeout": self._connect_timeout}
        # Nothing of the copy is started.
        return functools.partial(make, schedule=self._schedule, history=self.history, **limits), (self.connection,)

    def __enter__(self) -> OperationClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> None:
        """Check that the service answers and accepts the credentials.

        Raises:
            ServiceUnavailable: It does not answer within the connect timeout.
            AuthenticationError: It refuses the credentials; ServiceRefused: it is not an OperationService.
        """
        try:
            # No operation has an empty id: the service can only refuse it.
            asking.result_of(self._poller.started().get(""))
        except OperationsError as error:
            if grpc_codes.accepts_probe(error):
                return
            if isinstance(error, ServiceRefused):
                raise grpc_codes.not_a_service(error, self.connection.endpoint) from None
            raise

    def get(self, operation: Reference) -> Operation:
        """Ask for an operation as it is now.

        Args:
            operation: An id; a snapshot, ours or the protobuf message; a dictionary of one, as REST answers and
                ``yc --format json`` prints, or its text; or what has an ``operation``, as an error about one.

        Raises:
            NotAnOperation: What was given stands for no operation, or for several.
            OperationNotFound: The service does not know it.
            OperationsError: The service refused, cannot be read, or did not answer within 10 s (2 s the first time).
        """
        operation_id = references.key_to_ask(operation)
        return asking.ask_one(self._poller.started().get, operation_id, self._history_here([operation_id]))

    def get_all(self, operations: Iterable[Reference]) -> Operations[Operation]:
        """Ask for operations as they are now, at no more than the client's rate; in the order given.

        Raises:
            OperationsFailed: Some cannot be had; the error of the one that was asked for alone.
        """
        ids = references.keys_to_ask(operations)
        return asking.ask_many(self._poller.started().get, ids, self._history_here(ids), NOT_ASKED)

    def peek(self, ids: Sequence[str], timeout: float) -> dict[str, Operation]:
        """Return by id what was answered about operations in so many seconds; the history counts it as no use."""
        return asking.peek(self._poller.started().get, ids, self._history_here(), timeout)

    def cancel(
        self, operation: Reference, *, graceful: bool = False, force: bool = False, reason: str = ""
    ) -> Operation:
        """Ask for an operation, given as for `get`, to be cancelled. It is looked at first, and a job cancelled as one.

        Args:
            operation: As for `get`.
            graceful: Have the program of a DataSphere job end by itself. Without it, and without `force`, that is done
                where the job was started with parameters for it (``graceful_shutdown_parameters``).
            force: End the program of a job at once, also one that was asked to end by itself.
            reason: Why, for those who look at the job later; other operations keep none.

        Returns:
            The service's answer: often still winding down. An operation that had already ended is returned as it is.

        Raises:
            CancelNotSupported: The service does not cancel it, or not gracefully; the operation goes on.
            ValueError: It is to be both, graceful and by force.
            OperationsError: As for `get`.
        """
        operation_id, cancel = references.key_to_ask(operation), self._cancel_with(graceful, force, reason)
        return asking.ask_one(cancel, operation_id, self._history_here([operation_id]))

    def cancel_all(
        self, operations: Iterable[Reference], *, graceful: bool = False, force: bool = False, reason: str = ""
    ) -> Operations[Operation]:
        """Ask for operations to be cancelled, as `cancel` does; in the order given, whatever becomes of one.

        Raises:
            OperationsFailed: Some cannot be cancelled; the error of the one that was asked for alone.
        """
        ids, cancel = references.keys_to_ask(operations), self._cancel_with(graceful, force, reason)
        return asking.ask_many(cancel, ids, self._history_here(ids), NOT_CANCELLED)

    def wait(self, operation: Reference, timeout: float | None = None) -> Operation:
        """Block until an operation has ended.

        Args:
            operation: As for `get`.
            timeout: Seconds for the whole wait; None waits for ever, 0 asks once.

        Returns:
            The operation, succeeded.

        Raises:
            OperationFailed: It failed; ProgramFailed when only its program did, OperationCancelled when cancelled.
            WaitTimeout: The deadline passed. Nothing was cancelled.
            WaitInterrupted: The wait was interrupted. Nothing was cancelled.
            OperationsError: It cannot be waited for: not found, not readable, no permission, no such service.
            TypeError: The timeout is no number; ValueError: it is NaN.
        """
        return self.wait_all([references.key_to_ask(operation)], timeout)[0]

    async def wait_async(self, operation: Reference, timeout: float | None = None) -> Operation:
        """Wait like `wait`, on the running event loop, whichever it is. Cancelling the task stops the watching."""
        return (await self.wait_all_async([references.key_to_ask(operation)], timeout))[0]

    @overload
    def wait_all(
        self, operations: Iterable[Reference], timeout: float | None = None, return_when: _EveryEnd = ReturnWhen.ALL
    ) -> Operations[Operation]: ...

    @overload
    def wait_all(
        self, operations: Iterable[Reference], timeout: float | None = None, return_when: ReturnWhen = ReturnWhen.ALL
    ) -> Operations[Operation | None]: ...

    def wait_all(
        self, operations: Iterable[Reference], timeout: float | None = None, return_when: ReturnWhen = ReturnWhen.ALL
    ) -> Operations[Operation] | Operations[Operation | None]:
        """Block until operations have ended.

        Args:
            operations: Ids, snapshots, or what else stands for one operation or several; one may stand twice.
            timeout: Seconds for the whole wait; None waits for ever, 0 asks once.
            return_when: ALL waits for every end. FIRST returns at the first end, whichever it is. FIRST_FAILURE
                raises at the first failure; the others go on.

        Returns:
            The operations in the order given; under FIRST None stands for one that was not seen yet.

        Raises:
            OperationsFailed: Of several, some failed.
            OperationsError: As for `wait`, for one.
            TypeError: The timeout is no number; ValueError: it is NaN, or return_when is none of the three.
        """
        with self.watch(operations) as watch:
            return watch.wait(timeout, return_when)

    @overload
    async def wait_all_async(
        self, operations: Iterable[Reference], timeout: float | None = None, return_when: _EveryEnd = ReturnWhen.ALL
    ) -> Operations[Operation]: ...

    @overload
    async def wait_all_async(
        self, operations: Iterable[Reference], timeout: float | None = None, return_when: ReturnWhen = ReturnWhen.ALL
    ) -> Operations[Operation | None]: ...

    async def wait_all_async(
        self, operations: Iterable[Reference], timeout: float | None = None, return_when: ReturnWhen = ReturnWhen.ALL
    ) -> Operations[Operation] | Operations[Operation | None]:
        """Wait like `wait_all`, on the running event loop. Cancelling the task stops the watching."""
        with self.watch(operations) as watch:
            return await watch.wait_async(timeout, return_when)

    def watch(self, *operations: Reference | Iterable[Reference]) -> Watch:
        """Start to follow operations in the background.

        Args:
            *operations: Ids, snapshots, or what else stands for one operation or several; one may stand twice.

        Raises:
            NotAnOperation: One of them stands for none; InvalidOperationId: an id is empty or too long.
        """
        ids = references.keys_to_ask(*operations)
        poller = self._poller.started()
        return Watch(poller, ids, owner=self, history=self._history_here(ids), links=self._links_by(poller))

    def close(self) -> None:
        """Stop all watching, close the channel and end the thread. The operations go on."""
        self._poller.close()
        self.connection.close()

    def _cancel_with(self, graceful: bool, force: bool, reason: str) -> Callable[[str], Pending[Operation]]:
        from ds_ops_magic.model.sources import CancelOptions

        options, poller = CancelOptions(graceful, force, reason), self._poller.started()
        return lambda key: poller.cancel(key, options)

    def _links_by(self, poller: Poller) -> ProjectLinks | None:
        if self._links is None and self.connection.console:
            from ds_ops_magic.services.project_links import ProjectLinks

            self._links = ProjectLinks(self.connection.console, poller.call_later)
        return self._links

    def _history_here(self, asked: Sequence[str] = ()) -> EndpointHistory | None:
        """Return the history of this service, with a record of each operation that is asked about."""
        if self.history is None:
            return None
        here = self.history.of(self.connection.service_key)
        if asked:
            here.record_request(asked)
        return here
