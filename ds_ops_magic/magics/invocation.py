"""One line of ``%op`` as its subcommand gets it, with what subcommands have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from IPython.core.error import UsageError

from ds_ops_magic.magics import notify, recent
from ds_ops_magic.magics.targets import Targets, resolve
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.ids import first_ids, is_by_job_id
from ds_ops_magic.util.text import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.history.history import History
    from ds_ops_magic.magics.session import Session
    from ds_ops_magic.magics.targets import Scope
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations
    from ds_ops_magic.watch import Watch

ResultT = TypeVar("ResultT")


class Settings(Protocol):
    """The configuration: the traits of `OpMagics` that subcommands read."""

    endpoint: str
    rate: float
    display: str
    log_lines: int

    @property
    def timeout(self) -> float | None: ...

    @property
    def on_end(self) -> notify.Callback | None: ...


@dataclass(frozen=True)
class Invocation:
    """What a subcommand is run with."""

    options: argparse.Namespace
    scope: Scope
    shell: Any
    settings: Settings
    session: Session
    history: History | None  # None where none is kept
    cell: str | None = None  # the cell below %%op; None for a line
    hidden: bool = False  # the line ends with a semicolon: nothing is to be shown

    @property
    def display_mode(self) -> str:
        """How to show a watch, as for `ds_ops_magic.display.frontend.display_for`."""
        return "none" if self.hidden else self.settings.display

    def callbacks(self, named: str | None = None) -> list[notify.Callback]:
        """Return the user's functions to call at the end, `named` being what ``--notify`` was given."""
        return notify.callbacks(named, self.settings.on_end, self.scope.evaluate)

    def client(self) -> OperationClient:
        """Return the client, connected: by the configured endpoint, else with the credentials of the environment."""
        return self.session.client or self.session.connect(self.settings.endpoint or None, rate=self.settings.rate)

    def client_for(self, targets: Targets) -> OperationClient:
        """Return the client; raises UsageError where the history knows that a target is of another service."""
        client = self.client()
        recent.check_service(self.history, targets.ids, client.connection)
        return client

    def targets(self) -> Targets:
        """Return the operations named on the line; where none is, those used last."""
        if self.options.targets:
            return self.resolve(lambda ids_read: resolve(self.options.targets, self.scope, ids_read))
        if self.session.last_targets is None:
            raise UsageError("%op: name an operation; there is no last one yet. For example: %op wait ID")
        return self.session.last_targets

    def resolve(self, find: Callable[[list[str]], Targets]) -> Targets:
        """Find targets and keep them as those used last; of an iterator that fails or is stopped, the ids it gave.

        The argument of `find` takes these ids, as that of `targets.resolve_value` does.
        """
        ids_read: list[str] = []
        try:
            return self.session.use(find(ids_read))
        except BaseException:
            if ids_read:
                self.session.use(Targets(tuple(ids_read), single=False))
            raise

    def ask(self, targets: Targets, request: Callable[[Sequence[str]], Operations[Operation]]) -> Operations[Operation]:
        """Ask about every target. Where that fails, the answers there are go to the name of ``-o`` all the same."""
        try:
            operations = request(targets.ids)
        except OperationsError as error:
            self.assign(targets.result(getattr(error, "operations", [None] * len(targets.ids))))
            raise
        self.tell_jobs(targets, operations)
        return operations

    def wait_for_result(
        self,
        targets: Targets,
        watch: Watch,
        wait: Callable[[], None],
        callbacks: list[notify.Callback],
        *,
        no_raise: bool = False,
    ) -> Any:
        """Wait, and return the operations; however the wait ends, they go to the name of ``-o`` and to the callbacks.

        `wait` blocks until the end, such as by `ds_ops_magic.magics.wait.wait_and_show`. No callback is called where
        Stop was pressed, and with `no_raise` an OperationsError other than that is not raised.
        """
        __tracebackhide__ = True
        try:
            wait()
        except KeyboardInterrupt:
            callbacks = []  # who pressed Stop knows
            raise
        except OperationsError:
            if not no_raise:
                raise
        finally:
            result = self.assign(targets.result(watch.operations))
            self.session.displayed.append(result)
            notify.call(callbacks, result)
        return result

    def tell_jobs(self, targets: Targets, operations: Sequence[Operation | None]) -> None:
        """Say in one line which ids were found to be those of jobs, and not of operations."""
        pairs = dict(zip(targets.ids, operations, strict=True)).items()
        found = [asked for asked, operation in pairs if operation is not None and is_by_job_id(asked, operation.id)]
        if found and not self.hidden:
            what = "a job's id" if len(found) == 1 else f"ids of {counted(len(found), 'job')}"
            print(f"%op: {first_ids(found)}: {what}, seen as job:ID; the id of its operation tells more.")

    def teller_of_jobs(self, targets: Targets, watch: Watch) -> Callable[[], None]:
        """Return a function that does `tell_jobs` once, when each operation of a watch was seen."""
        told = False

        def tell() -> None:
            nonlocal told
            if not told and watch.all_seen:
                told = True
                self.tell_jobs(targets, watch.operations)

        return tell

    def assign(self, value: ResultT) -> ResultT:
        """Return a value, assigned to the name of ``-o`` first."""
        if self.options.output:
            self.shell.user_ns[self.options.output] = value
        return value
