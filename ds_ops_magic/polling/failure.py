"""What a call that failed said: its code, its message, and how long the service asked to wait."""

from __future__ import annotations

import contextlib
from typing import Any

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as StatusMessage

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.grpc_codes import OnCancel, OnGet, meaning_of

LONGEST_RETRY = 300.0
"""Seconds for which an operation is left alone at most, however long the service asks for (RetryInfo)."""


class CallFailed(Exception):
    """A call that brought no answer, or a refusal. Internal: a user gets one of the errors of `model.errors`."""

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def is_over_the_limit(self) -> bool:
        """Whether gRPC itself refused an answer as too large: that and a service's quota are RESOURCE_EXHAUSTED."""
        return self.code == "RESOURCE_EXHAUSTED" and "larger than max" in self.message

    @property
    def on_get(self) -> OnGet:
        return OnGet.FAIL if self.is_over_the_limit else meaning_of(self.code).get

    @property
    def on_cancel(self) -> OnCancel:
        return OnCancel.RAISE if self.is_over_the_limit else meaning_of(self.code).cancel


Failure = CallFailed | UnreadableAnswer
"""Why a call brought nothing that can be used."""


def retry_after(error: Any) -> float | None:
    """Return the seconds to wait that a gRPC error asks for in its RetryInfo; None without one."""
    data = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    info = RetryInfo()
    with contextlib.suppress(DecodeError):
        for detail in StatusMessage.FromString(data).details:
            if detail.Unpack(info):
                seconds = float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
                return min(LONGEST_RETRY, max(0.0, seconds))
    return None
