"""Outcomes of jobs: what a callable returned becomes a response, what it raised an error."""

from __future__ import annotations

import json
import traceback
from typing import NamedTuple

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import DebugInfo
from google.rpc.status_pb2 import Status

from ds_ops_magic.util.public_names import set_home
from ds_ops_magic.util.text import one_line

MAX_TEXT = 1000
"""The most characters kept of an error's message, and of the repr of a result."""

MAX_RESPONSE = 3_000_000
"""The most bytes of a response: a gRPC client refuses an answer over 4 MB unless it is configured otherwise."""

_MAX_FRAMES = 20
_MAX_DEPTH = 20  # protobuf parses 100 nested messages, and every level of a Value takes up to three
_MAX_INT = 2**53  # beyond it a Value, which holds a double, would hold another number


class JobCancelled(BaseException):
    """Raised inside a callable by ``reporter.check()`` after a cancel; do not catch it.

    Deliberately not an Exception, so that ``except Exception`` in the callable's loop does not catch it.
    """


set_home("ds_ops_magic.local", JobCancelled)


class Outcome(NamedTuple):
    """How an operation ended; exactly one of the two is set."""

    error: bytes | None = None  # a serialized google.rpc.Status
    response: bytes | None = None  # a serialized google.protobuf.Any

    @classmethod
    def from_status(cls, status: Status) -> Outcome:
        return cls(error=status.SerializeToString())

    @classmethod
    def from_value(cls, value: object) -> Outcome:
        """Make the outcome of a callable that returned.

        None gives Empty; a protobuf message is packed as it is; JSON data gives ``google.protobuf.Value``; the repr of
        anything else, and of what is over `MAX_RESPONSE`, gives ``google.protobuf.StringValue``.
        """
        packed = AnyMessage()
        packed.Pack(_response(value))
        if packed.ByteSize() > MAX_RESPONSE:
            packed.Pack(StringValue(value=short_repr(value, MAX_TEXT)))
        return cls(response=packed.SerializeToString())

    @classmethod
    def from_exception(cls, error: BaseException) -> Outcome:
        """Make the outcome of a callable that raised: the message, and the stack in a ``google.rpc.DebugInfo``."""
        if isinstance(error, JobCancelled):
            return cls.from_status(CANCELLED)
        try:
            message = str(error)
        except Exception:  # the class is the user's; a failure of its __str__ must not hide the first one
            message = ""
        name = type(error).__name__
        status = Status(code=code_pb2.UNKNOWN, message=clean(f"{name}: {message}" if message else name, MAX_TEXT))
        frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
        if frames:
            stack = [f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
            status.details.add().Pack(DebugInfo(stack_entries=[clean(line, MAX_TEXT) for line in stack]))
        return cls.from_status(status)


CANCELLING = Status(code=code_pb2.CANCELLED, message="The operation is being cancelled")
"""The error of an operation after a cancel, until it is done."""

CANCELLED = Status(code=code_pb2.CANCELLED, message="The operation was cancelled")
ABORTED = Status(code=code_pb2.ABORTED, message="the process that ran it has ended")


def clean(text: str, limit: int) -> str:
    """Make text one line that protobuf accepts, which refuses lone surrogates."""
    return one_line(text.encode("utf-8", "replace").decode("utf-8"), limit)


def short_repr(value: object, limit: int = 60) -> str:
    try:
        text = repr(value)
    except Exception:  # the class is the user's
        text = f"<{type(value).__name__} whose repr fails>"
    return clean(text, limit)


def _response(value: object) -> Message:
    if value is None:
        return Empty()
    if isinstance(value, Message):
        return value
    text = _json(value)
    return StringValue(value=short_repr(value, MAX_TEXT)) if text is None else json_format.Parse(text, Value())


def _json(value: object) -> str | None:
    # None if that would be too long, or would not hold the same value.
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if len(text) <= MAX_RESPONSE and _is_lossless(value, _MAX_DEPTH) else None


def _is_lossless(value: object, depth: int) -> bool:
    # `json.dumps` accepts keys that are no strings, and makes them strings.
    if depth == 0:
        return False
    if isinstance(value, dict):
        return all(
            isinstance(key, str) and _is_lossless(key, 1) and _is_lossless(item, depth - 1)
            for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return all(_is_lossless(item, depth - 1) for item in value)
    if isinstance(value, str):
        return value == value.encode("utf-8", "replace").decode("utf-8")
    return not isinstance(value, int) or abs(value) <= _MAX_INT
