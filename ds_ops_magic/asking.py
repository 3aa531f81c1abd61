"""Asking about operations outside of a Watch: blocks until there is an answer, which goes to the history."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, TypeVar

from ds_ops_magic.model.errors import OperationsError, WaitInterrupted
from ds_ops_magic.model.group_errors import group_error
from ds_ops_magic.model.operations import Operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Reversible, Sequence

    from ds_ops_magic.history.history import EndpointHistory
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.util.pending import Pending

    Ask = Callable[[str], Pending[Operation]]


ResultT = TypeVar("ResultT")


def result_of(pending: Pending[ResultT]) -> ResultT:
    """Block until an answer is there; WaitInterrupted when Stop is pressed meanwhile."""
    with _withdrawing([pending]):
        return pending.result()


def ask_one(ask: Ask, operation_id: str, history: EndpointHistory | None) -> Operation:
    return _recorded(ask(operation_id), operation_id, history)


def ask_many(ask: Ask, ids: Sequence[str], history: EndpointHistory | None, what: str) -> Operations[Operation]:
    """Ask about each operation, all of them whatever becomes of one; in the order given.

    Raises the error of `group_error` for those without an answer, and WaitInterrupted when Stop is pressed meanwhile.
    """
    answers: dict[str, Operation] = {}
    refusals: dict[str, OperationsError] = {}
    pendings: dict[str, Pending[Operation]] = {}
    with _withdrawing(pendings.values()):
        pendings.update((operation_id, ask(operation_id)) for operation_id in dict.fromkeys(ids))
        for operation_id, pending in pendings.items():
            try:
                answers[operation_id] = _recorded(pending, operation_id, history)
            except OperationsError as error:
                refusals[operation_id] = error
    if refusals:
        found = Operations(answers.get(operation_id) for operation_id in ids)
        raise group_error(refusals, found, len(pendings), what)
    return Operations(answers[operation_id] for operation_id in ids)


def peek(ask: Ask, ids: Sequence[str], history: EndpointHistory | None, timeout: float) -> dict[str, Operation]:
    """Ask about each operation; return by id what was answered within so many seconds in all."""
    answers: dict[str, Operation] = {}
    pendings: dict[str, Pending[Operation]] = {}
    deadline = time.monotonic() + timeout
    with _withdrawing(pendings.values()):
        pendings.update((operation_id, ask(operation_id)) for operation_id in ids)
        for operation_id, pending in pendings.items():
            if pending.ended_within(deadline - time.monotonic()):
                with contextlib.suppress(OperationsError):
                    answers[operation_id] = _recorded(pending, operation_id, history)
    return answers


@contextlib.contextmanager
def _withdrawing(pendings: Reversible[Pending[Any]]) -> Iterator[None]:
    """At the end withdraw what was not answered, so that none is sent afterwards; Stop becomes WaitInterrupted."""
    try:
        yield
    except KeyboardInterrupt:
        # A cancel that was sent may have arrived.
        raise WaitInterrupted("Stopped waiting for the answer.", "To see how things stand: %op get ID") from None
    finally:
        for pending in reversed(pendings):  # the last first: it must not get the place of one that was sent
            pending.cancel()


def _recorded(pending: Pending[Operation], operation_id: str, history: EndpointHistory | None) -> Operation:
    if history is None:
        return result_of(pending)
    try:
        operation = result_of(pending)
    except OperationsError as error:
        raise history.record_error(operation_id, error) from error.__cause__
    history.record_snapshot(operation, operation_id)
    return operation
