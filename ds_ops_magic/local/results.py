"""How work ends, as the service words it: what a callable returned or raised, to a response or an error."""

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

MAX_WORDS = 1000
"""The most characters kept of an error's message, and of the repr of a result."""

MAX_RESPONSE = 3_000_000
"""The most bytes of a response: a gRPC client refuses an answer over 4 MB unless it is told otherwise."""

_MAX_FRAMES = 20
_MAX_DEPTH = 20  # protobuf parses 100 nested messages, and every level of a Value takes up to three
_MAX_INT = 2**53  # beyond it a Value, which holds a double, would hold another number


class JobCancelled(BaseException):
    """Raised inside a callable by ``reporter.check()`` after a cancel; let it pass.

    On purpose not an Exception: ``except Exception`` in the callable's loop must not eat it.
    """


set_home("ds_ops_magic.local", JobCancelled)


class Outcome(NamedTuple):
    """How an operation ended: one of the two is set.

    Attributes:
        error: Serialized ``google.rpc.Status``.
        response: Serialized ``google.protobuf.Any``.
    """

    error: bytes | None = None
    response: bytes | None = None


CANCELLING = Status(code=code_pb2.CANCELLED, message="The operation is being cancelled")
"""The error of an operation while a cancel winds down."""

CANCELLED = Status(code=code_pb2.CANCELLED, message="The operation was cancelled")
ABORTED = Status(code=code_pb2.ABORTED, message="the process that ran it has ended")


def failed(status: Status) -> Outcome:
    """Make the end that is an error."""
    return Outcome(error=status.SerializeToString())


def returned(value: object) -> Outcome:
    """Make the end of a callable that returned.

    Args:
        value: None gives Empty; a protobuf message is packed as it is; JSON data gives ``google.protobuf.Value``; the
            repr of anything else, and of what is over `MAX_RESPONSE`, gives ``google.protobuf.StringValue``.
    """
    packed = AnyMessage()
    packed.Pack(_response(value))
    if packed.ByteSize() > MAX_RESPONSE:
        packed.Pack(StringValue(value=_repr(value)))
    return Outcome(response=packed.SerializeToString())


def raised(error: BaseException) -> Outcome:
    """Make the end of a callable that raised: its words, and where it was in a ``google.rpc.DebugInfo``."""
    if isinstance(error, JobCancelled):
        return failed(CANCELLED)
    try:
        words = str(error)
    except Exception:  # the user's own class, and its words are not worth a second failure
        words = ""
    name = type(error).__name__
    status = Status(code=code_pb2.UNKNOWN, message=clean(f"{name}: {words}" if words else name, MAX_WORDS))
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    if frames:
        where = [f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
        status.details.add().Pack(DebugInfo(stack_entries=[clean(line, MAX_WORDS) for line in where]))
    return failed(status)


def clean(text: str, limit: int) -> str:
    """Make text that fits into one line and into protobuf, which refuses lone surrogates."""
    return one_line(text.encode("utf-8", "replace").decode("utf-8"), limit)


def _response(value: object) -> Message:
    if value is None:
        return Empty()
    if isinstance(value, Message):
        return value
    text = _json(value)
    return StringValue(value=_repr(value)) if text is None else json_format.Parse(text, Value())


def _json(value: object) -> str | None:
    """Return a value as JSON, None where that would be too long or would not give the value back."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if len(text) <= MAX_RESPONSE and _is_kept(value, _MAX_DEPTH) else None


def _is_kept(value: object, depth: int) -> bool:
    """Tell whether a Value holds the same: ``json.dumps`` takes keys that are no strings, and makes them strings."""
    if depth == 0:
        return False
    if isinstance(value, dict):
        return all(
            isinstance(key, str) and _is_kept(key, 1) and _is_kept(item, depth - 1) for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return all(_is_kept(item, depth - 1) for item in value)
    if isinstance(value, str):
        return value == value.encode("utf-8", "replace").decode("utf-8")
    return not isinstance(value, int) or abs(value) <= _MAX_INT


def _repr(value: object) -> str:
    try:
        words = repr(value)
    except Exception:  # as for the words of an error
        words = f"<{type(value).__name__} whose repr fails>"
    return clean(words, MAX_WORDS)
