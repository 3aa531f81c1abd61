"""The magic itself: parse a line, call the client, show what comes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Callable, Enum, Float, TraitError, Unicode, validate

from ds_ops_magic.history.default import default_history, use_profile
from ds_ops_magic.magics import cell as cells
from ds_ops_magic.magics import command_line, completion, listing, notify
from ds_ops_magic.magics.session import Session
from ds_ops_magic.magics.targets import Targets, resolve, resolve_value, scope_of, service
from ds_ops_magic.magics.wait import wait_and_show, wait_for_answers, wait_for_the_cancelled
from ds_ops_magic.model.errors import OperationsError

if TYPE_CHECKING:
    import argparse
    from collections import abc

    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.display.table import Listing
    from ds_ops_magic.history.history import History
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations
    from ds_ops_magic.watch import Watch

ResultT = TypeVar("ResultT")


@magics_class
class OpMagics(Magics):
    """Follow long-running operations: see ``%op help``."""

    endpoint = Unicode(
        "", help="What the first %op connects to: local, or an address; Yandex Cloud when it is empty."
    ).tag(config=True)
    timeout = Float(None, allow_none=True, help="Seconds after which %op wait stops waiting; None: it never does.").tag(
        config=True
    )
    rate = Float(200.0, help="Calls per second at most; takes effect at the next %op connect.").tag(config=True)
    display = Enum(["auto", "widget", "html", "text", "none"], "auto", help="How waits are shown.").tag(config=True)
    history = Unicode(
        "",
        help="File of what was followed: beside the profile when it is empty; none keeps none. "
        "Takes effect at the next %op connect.",
    ).tag(config=True)
    on_end = Callable(None, allow_none=True, help="Function to call once with the outcome of each wait.").tag(
        config=True
    )

    shell: Any  # always there: these magics are made by `load` alone

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._session = Session(lambda: self._history)
        self._last: Targets | None = None
        self._ids: dict[str, None] = {}  # in the order of use
        self._shown: list[Any] = []  # what the running cell has displayed
        use_profile(shell.profile_dir.location)
        if (history := self._history) is not None:
            history.request_read()

    @validate("rate", "timeout")
    def _check_number(self, proposal: Any) -> float | None:
        name, value = proposal["trait"].name, proposal["value"]
        if value is None or (math.isfinite(value) and (value > 0 or (value == 0 and name == "timeout"))):
            return value  # type: ignore[no-any-return]
        raise TraitError(f"OpMagics.{name} is a number of {'seconds' if name == 'timeout' else 'calls'}, not {value}")

    @validate("on_end")
    def _check_on_end(self, proposal: Any) -> notify.Notified | None:
        function: notify.Notified | None = proposal["value"]
        if function is not None and notify.is_async(function):
            raise TraitError("OpMagics.on_end is a plain function: nobody would await a coroutine.")
        return function

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def op(self, line: str, cell: str | None = None, local_ns: abc.Mapping[str, Any] | None = None) -> Any:
        """Follow long-running operations."""
        __tracebackhide__ = True  # IPython's: the error of a user's cell is about the cell
        hidden = line.rstrip().endswith(";")
        words = command_line.split(line.rstrip().rstrip(";"))
        if cell is not None and words[:1] != ["wait"]:
            raise UsageError("%%op runs a cell and waits for what it gives: write %%op wait. See: %op help")
        if not words or words[0] in ("-h", "--help"):
            words = ["help"]
        if words[0] not in command_line.SUBCOMMANDS:
            raise UsageError(f"%op has no {words[0]!r}: it has {', '.join(command_line.SUBCOMMANDS)}. See: %op help")
        options = command_line.parse(words[0], words[1:])
        if isinstance(options, str):
            print(options)
            return None
        options.hidden, options.scope = hidden, scope_of(self.shell, local_ns)
        mode = "none" if hidden or getattr(options, "quiet", False) else self.display
        try:
            result = getattr(self, f"_{words[0]}")(options, mode, cell)
        finally:
            listing.complain(self._history)
        if hidden:
            self._shown.append(result)
        return result

    op.__doc__ = command_line.OVERVIEW

    def client(self) -> OperationClient:
        """Return the client, connected: by `endpoint`, else with the credentials of the environment.

        Raises:
            OperationsError: It cannot be connected.
        """
        return self._session.client or self._session.connect(self.endpoint or None, rate=self.rate)

    def close(self) -> None:
        """Stop every watch, leave its panel as a static result, and close all that was connected."""
        self._session.close()
        if (history := self._history) is not None:
            history.close()

    def was_shown(self, value: Any) -> bool:
        """Tell whether the running cell has displayed this very value."""
        return any(value is shown for shown in self._shown)

    def show_live(self, watch: Watch) -> bool:
        """Display a watch as a live panel; False where there is no page that can be updated."""
        from ds_ops_magic.display.frontend import show_in_background

        return show_in_background(watch, self.shell, self.display)

    def forget_shown(self, *_: Any) -> None:
        """Forget what the last cell has displayed."""
        self._shown.clear()

    def complete(self, _shell: Any, event: Any) -> list[str]:
        """Complete a word for IPython's ``complete_command`` hook."""
        return completion.complete(
            event.line, event.symbol, self.shell.user_ns, [*self._ids, *listing.ids(self._history)]
        )

    @property
    def _history(self) -> History | None:
        history = default_history(self.history)
        if history is not None:
            history.auto_warn = False  # `listing.complain` says it in a line of its own
        return history

    def _help(self, options: argparse.Namespace, mode: str, cell: str | None) -> None:
        print(command_line.parser_of(options.subcommand).format_help() if options.subcommand else command_line.OVERVIEW)

    def _connect(self, options: argparse.Namespace, mode: str, cell: str | None) -> OperationClient:
        target = service(options.target, options.scope)
        how = {"sa_key": options.sa_key, "profile": options.profile, "discovery": options.discovery, "ca": options.ca}
        client = self._session.connect(target, rate=self.rate, token_env=options.iam_token_env, **how)
        if not options.hidden:
            print(f"connected to {client.connection.endpoint} as {client.connection.identity}")
        self._shown.append(client)
        return client

    def _get(self, options: argparse.Namespace, mode: str, cell: str | None) -> Any:
        targets = self._targets(options)
        operations = self._answers(options, targets, self._client_of(targets).get_all)
        return self._give(options, _as_named(operations, targets))

    def _wait(self, options: argparse.Namespace, mode: str, cell: str | None) -> Any:
        __tracebackhide__ = True
        told = notify.functions(options.notify, self.on_end, options.scope.evaluate)
        targets = self._targets(options, options.last) if cell is None else self._targets_of_cell(options, cell)
        watch = self._client_of(targets).watch(*targets.ids)
        when = "FIRST" if options.any else "FIRST_FAILURE" if options.fail_fast else "ALL"
        timeout = self.timeout if options.timeout is None else options.timeout
        return self._outcome(
            options, targets, watch, told, lambda: wait_and_show(watch, self.shell, mode, timeout, when)
        )

    def _watch(self, options: argparse.Namespace, mode: str, cell: str | None) -> Watch:
        targets = self._targets(options)
        told = notify.functions(options.notify, self.on_end, options.scope.evaluate)
        watch = self._client_of(targets).watch(*targets.ids)
        notify.tell_when_over(watch, told, lambda: _as_named(watch.operations, targets))
        self._session.keep(watch)
        self._give(options, watch)
        if mode == "none" or self.show_live(watch):
            self._shown.append(watch)
        else:
            wait_for_answers(watch)
        return watch

    def _cancel(self, options: argparse.Namespace, mode: str, cell: str | None) -> Any:
        from ds_ops_magic.display import render

        if options.timeout is not None and not options.wait:
            raise UsageError("%op cancel: --timeout is about waiting for the end: give --wait too.")
        targets = self._targets(options)
        client = self._client_of(targets)
        operations = self._answers(options, targets, client.cancel_all)
        for operation in operations:
            if operation.done and not options.hidden:
                print(render.finished(operation))
        if not options.wait:
            return self._give(options, _as_named(operations, targets))
        watch, told = client.watch(*targets.ids), notify.functions(None, self.on_end, options.scope.evaluate)
        return self._outcome(
            options, targets, watch, told, lambda: wait_for_the_cancelled(watch, self.shell, mode, options.timeout)
        )

    def _outcome(
        self,
        options: argparse.Namespace,
        targets: Targets,
        watch: Watch,
        told: list[notify.Notified],
        wait: abc.Callable[[], None],
    ) -> Any:
        """Wait; whatever ends it, how the operations stand then is bound, and told to whom it may concern."""
        __tracebackhide__ = True
        try:
            wait()
        except KeyboardInterrupt:
            told = []  # who has pressed Stop knows
            raise
        except OperationsError:
            if not getattr(options, "no_raise", False):
                raise
        finally:
            result = self._give(options, _as_named(watch.operations, targets))
            self._shown.append(result)
            notify.tell(told, result)
        return result

    def _list(self, options: argparse.Namespace, mode: str, cell: str | None) -> Listing:
        return self._give(options, listing.listing(self._history, options, self._session.client, self.client))

    def _client_of(self, targets: Targets) -> OperationClient:
        """Return the client, which may be asked about these, as far as the history knows."""
        client = self.client()
        listing.check_place(self._history, targets.ids, client.connection)
        return client

    def _answers(
        self,
        options: argparse.Namespace,
        targets: Targets,
        ask: abc.Callable[[abc.Sequence[str]], Operations[Operation]],
    ) -> Operations[Operation]:
        """Ask about every target; where that fails, what was answered is bound to the name of ``-o`` all the same."""
        try:
            return ask(targets.ids)
        except OperationsError as error:
            self._give(options, _as_named(getattr(error, "operations", [None] * len(targets.ids)), targets))
            raise

    def _targets(self, options: argparse.Namespace, last: int | None = None) -> Targets:
        """Resolve what a user named, or the so many last ones of any kernel; nothing named means the last ones used."""
        if last is not None:
            if options.targets:
                raise UsageError("%op wait: name targets, or --last N, not both.")
            return self._remember(listing.last(self._history, last, self.client().connection))
        if options.targets:
            return self._found(lambda read: resolve(options.targets, options.scope, read))
        if self._last is None:
            raise UsageError("%op: name an operation; there is no last one yet. For example: %op wait ID")
        return self._last

    def _targets_of_cell(self, options: argparse.Namespace, cell: str) -> Targets:
        __tracebackhide__ = True
        if options.targets or options.last is not None:
            raise UsageError("%%op wait waits for what the cell gives: name no target, or use %op wait.")
        self.client()  # before the cell runs: what it starts should not be left without a service to ask
        value = cells.run(self.shell, cell)
        return self._found(lambda read: resolve_value(value, "what the cell gives", read))

    def _found(self, find: abc.Callable[[list[str]], Targets]) -> Targets:
        """Remember what is found; of an iterator that fails or is stopped, what it had given."""
        read: list[str] = []
        try:
            return self._remember(find(read))
        except BaseException:
            if read:
                self._remember(Targets(tuple(read), single=False))
            raise

    def _remember(self, targets: Targets) -> Targets:
        self._last = targets
        self._ids.update(dict.fromkeys(targets.ids))
        return targets

    def _give(self, options: argparse.Namespace, value: ResultT) -> ResultT:
        """Return a value, bound to the name of ``-o`` first."""
        if options.output:
            self.shell.user_ns[options.output] = value
        return value


def _as_named(operations: abc.Sequence[Operation | None], targets: Targets) -> Any:
    """Return the one operation that was named alone, else all of them."""
    return operations[0] if targets.single else operations
