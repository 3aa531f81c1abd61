"""Ask an engine about single operations and block until it has answered; what is asked and said goes to the history."""

from __future__ import annotations

import concurrent.futures
import contextlib
from typing import TYPE_CHECKING

from ds_ops_magic import failures
from ds_ops_magic.errors import OperationsError, WaitInterrupted
from ds_ops_magic.operations import Operations
from ds_ops_magic.terms import LONGEST_SLEEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Reversible, Sequence

    from ds_ops_magic.history.history import EndpointHistory
    from ds_ops_magic.operation import Operation

    Ask = Callable[[str], concurrent.futures.Future[Operation]]


def answer(future: concurrent.futures.Future[Operation]) -> Operation:
    """Block until an answer is there.

    Raises:
        WaitInterrupted: Stop was pressed meanwhile.
        OperationsError: There is none to be had.
    """
    with _withdrawn([future]):
        while not future.done():
            concurrent.futures.wait([future], LONGEST_SLEEP)
        return future.result()


def one(ask: Ask, name: str, history: EndpointHistory | None) -> Operation:
    """Ask about one operation; raises as `answer`."""
    return _told(ask(name), name, history)


def each(ask: Ask, ids: Sequence[str], history: EndpointHistory | None, what: str) -> Operations[Operation]:
    """Ask about each operation, all of them whatever becomes of one; in the order given.

    Args:
        ask: Asks about one.
        ids: The operations.
        history: What is told of the answers.
        what: What became of those that there is no answer for, as for `ds_ops_magic.failures.one_of`.

    Raises:
        OperationsFailed: Some cannot be had; the error of the one that was asked for alone.
        WaitInterrupted: Stop was pressed meanwhile.
    """
    answers: dict[str, Operation] = {}
    refusals: dict[str, OperationsError] = {}
    futures: dict[str, concurrent.futures.Future[Operation]] = {}
    with _withdrawn(futures.values()):
        futures.update((name, ask(name)) for name in dict.fromkeys(ids))
        for name, future in futures.items():
            try:
                answers[name] = _told(future, name, history)
            except OperationsError as error:
                refusals[name] = error
    if refusals:
        raise failures.one_of(refusals, Operations(answers.get(name) for name in ids), len(futures), what)
    return Operations(answers[name] for name in ids)


def peek(ask: Ask, ids: Sequence[str], history: EndpointHistory | None, timeout: float) -> dict[str, Operation]:
    """Ask about each operation, and return by id what was answered within so many seconds in all."""
    answers: dict[str, Operation] = {}
    futures: dict[str, concurrent.futures.Future[Operation]] = {}
    with _withdrawn(futures.values()):
        futures.update((name, ask(name)) for name in ids)
        concurrent.futures.wait(futures.values(), timeout)
        for name, future in futures.items():
            if future.done():
                with contextlib.suppress(OperationsError):
                    answers[name] = _told(future, name, history)
    return answers


@contextlib.contextmanager
def _withdrawn(futures: Reversible[concurrent.futures.Future[Operation]]) -> Iterator[None]:
    """At the end withdraw what was not answered, so that none is sent afterwards.

    Raises:
        WaitInterrupted: Stop was pressed meanwhile.
    """
    try:
        yield
    except KeyboardInterrupt:
        # A cancel that was sent may have arrived.
        raise WaitInterrupted("Stopped waiting for the answer.", "To see how things stand: %op get ID") from None
    finally:
        for future in reversed(futures):  # the last first: it must not get the place of one that was sent
            future.cancel()


def _told(future: concurrent.futures.Future[Operation], name: str, history: EndpointHistory | None) -> Operation:
    if history is None:
        return answer(future)
    try:
        operation = answer(future)
    except OperationsError as error:
        history.refused(error, name)
        raise
    history.saw(operation, name)
    return operation
