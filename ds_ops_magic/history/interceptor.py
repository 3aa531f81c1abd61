"""Writes every Operation that a call of a ``yandexcloud.SDK`` returns into the history."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import grpc

from ds_ops_magic.history.default import default_history
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.util.public_names import set_home

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.history.history import History

_OPERATION = "yandex.cloud.operation.Operation"
_log = logging.getLogger(__name__)


def recorder(history: History | None = None) -> grpc.UnaryUnaryClientInterceptor:
    """Make an interceptor that records the operations that the calls of an SDK return: ``SDK(interceptor=recorder())``.

    An operation is on the disk before the call that made it returns; where the call was made with ``.future()``, right
    after its answer. Whatever keeps the history from being written costs a second at most, once,
    and one warning. An interceptor that is given to ``SDK.client`` itself takes the place of this one.

    Args:
        history: Where to keep them: the history of this process, which ``%op list`` shows, unless one is given.
    """
    return _Recorder(history)


set_home("ds_ops_magic", recorder)


class _Recorder(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, history: History | None) -> None:
        self._history = history

    def __reduce__(self) -> tuple[Any, ...]:
        return recorder, (self._history,)

    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        call = continuation(client_call_details, request)
        # Who waits for the answer has it by now; that of .future() comes on gRPC's thread, which must not wait.
        wait = call.done()
        call.add_done_callback(lambda done: self._record(done, wait))
        return call

    def _record(self, call: Any, wait: bool) -> None:
        try:
            if call.exception() is None:
                self._keep(call.result(), wait)
        except Exception:  # a call that was cancelled, too; the caller's work goes on whatever happens here
            _log.debug("the answer of a call was not recorded", exc_info=True)

    def _keep(self, answer: Any, wait: bool) -> None:
        # By name: a message of another package that has the same descriptor is another class.
        if getattr(getattr(answer, "DESCRIPTOR", None), "full_name", "") != _OPERATION or not answer.id:
            return
        history = self._history or default_history()
        if history is not None:
            history.record_created(Operation.from_bytes(answer.SerializeToString()), wait=wait)
