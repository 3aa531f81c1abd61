"""One line of ``%op`` as its subcommand gets it, with what subcommands have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError

from ds_ops_magic.magics import notify, recent
from ds_ops_magic.magics.targets import Targets, resolve
from ds_ops_magic.model.errors import OperationsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.history.history import History
    from ds_ops_magic.magics.op_magic import OpMagics
    from ds_ops_magic.magics.session import Session
    from ds_ops_magic.magics.targets import Scope
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations
    from ds_ops_magic.watch import Watch

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Invocation:
    """What a subcommand is run with.

    Attributes:
        options: What its parser made of the line.
        scope: What names and expressions on the line mean.
        config: The magics, whose attributes are the configuration.
        session: What the magics keep from cell to cell.
        history: The history; None where none is kept.
        cell: The cell below ``%%op``; None for a line.
        hidden: Whether the line ends with a semicolon, so that nothing is to be shown.
    """

    options: argparse.Namespace
    scope: Scope
    config: OpMagics
    session: Session
    history: History | None
    cell: str | None = None
    hidden: bool = False

    @property
    def shell(self) -> Any:
        """The IPython shell."""
        return self.config.shell

    @property
    def display_mode(self) -> str:
        """How to show a watch, as for `ds_ops_magic.display.frontend.display_for`."""
        return "none" if self.hidden else self.config.display

    def client(self) -> OperationClient:
        """Return the client, connected: by the configured endpoint, else with the credentials of the environment.

        Raises:
            OperationsError: It cannot be connected.
        """
        return self.session.client or self.session.connect(self.config.endpoint or None, rate=self.config.rate)

    def client_for(self, targets: Targets) -> OperationClient:
        """Return the client, if the operations may be of its service.

        Raises:
            UsageError: The history knows that one is of another service.
            OperationsError: It cannot be connected.
        """
        client = self.client()
        recent.check_service(self.history, targets.ids, client.connection)
        return client

    def targets(self) -> Targets:
        """Return the operations named on the line; where none is, those used last.

        Raises:
            UsageError: What was named is no operation, or there is no last one.
        """
        if self.options.targets:
            return self.resolve(lambda ids_read: resolve(self.options.targets, self.scope, ids_read))
        if self.session.last_targets is None:
            raise UsageError("%op: name an operation; there is no last one yet. For example: %op wait ID")
        return self.session.last_targets

    def resolve(self, find: Callable[[list[str]], Targets]) -> Targets:
        """Find targets and keep them as those used last; of an iterator that fails or is stopped, the ids it gave.

        Args:
            find: Finds them; its argument takes the ids that an iterator gives, as for `targets.resolve_value`.
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
            return request(targets.ids)
        except OperationsError as error:
            self.assign(targets.result(getattr(error, "operations", [None] * len(targets.ids))))
            raise

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

        Args:
            targets: What is waited for.
            watch: What follows them.
            wait: Blocks until the end, such as by `ds_ops_magic.magics.wait.wait_and_show`.
            callbacks: Functions of the user, which are not called where Stop was pressed.
            no_raise: Whether to return where the wait raises an OperationsError.

        Raises:
            WaitInterrupted: Stop was pressed.
            OperationsError: What `wait` raises.
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

    def assign(self, value: ResultT) -> ResultT:
        """Return a value, assigned to the name of ``-o`` first."""
        if self.options.output:
            self.shell.user_ns[self.options.output] = value
        return value
