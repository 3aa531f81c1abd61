"""How far an operation is, read from its metadata by the names of its fields, not by a list of types.

The shapes in use today, as the stubs of ``yandexcloud`` 0.413 show them: ``progress_percentage`` (backup.v1),
``completed_batches`` of ``total_batches`` (ai.batch_inference), ``processed_rows`` of ``total_rows`` (ai.dataset),
``current_step`` of ``total_steps`` (ai.tuning), and a nested ``progress {message, progress 0..100, create_time}``
(datasphere.v2.jobs, with words in ``status_details`` where it has none). A new type that follows one of them works
without a change here. Its numbers may be of any numeric type, ``optional`` or not, or wrappers of ``google.protobuf``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import Message

from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_DONE = re.compile(
    r"(?:completed|processed|finished|done|current)(?:_(\w+))?|(\w+)_(?:completed|processed|finished|done)"
)
_PERCENT = re.compile(
    r"(?:progress_|completion_|completed?_)?percent(?:age)?(?:_(?:completed?|done))?|progress(?:_pct)?"
)
# CPPTYPE_INT32, INT64, UINT32, UINT64, DOUBLE and FLOAT of descriptor.proto.
_NUMERIC = range(1, 7)
_WRAPPER = re.compile(r"google\.protobuf\.(?:Double|Float|U?Int(?:32|64))Value")


@dataclass(frozen=True)
class Progress(PickledByName):
    """How far an operation is, as far as its service says.

    Attributes:
        fraction: 0.0 to 1.0, or None where the service gives none. Never invented.
        text: The service's own text, or its counts (``step 620 of 1,000``); None where there are none.
    """

    fraction: float | None = None
    text: str | None = None


class _Number(NamedTuple):
    value: float
    sent: bool  # a zero that is not known to have been sent may just be unset


def progress_of(metadata: object, *, ended: bool = False) -> Progress:
    """Read progress out of decoded metadata; a fraction out of range is clamped, NaN is unknown. It never raises.

    Of an operation that has ended, the words about its status are no progress.
    """
    if not isinstance(metadata, Message):
        return Progress()
    numbers = _numbers(metadata)
    found = _nested(metadata) or _counts(numbers) or _percentage(numbers) or Progress()
    return found if found.text or ended else Progress(found.fraction, _status_details(metadata))


def _status_details(metadata: Message) -> str | None:
    """Return what a service says of the status in words, in the metadata itself or in a message in it."""
    inner = [
        getattr(metadata, field.name)
        for field in metadata.DESCRIPTOR.fields
        if field.message_type is not None and not _is_repeated(field) and metadata.HasField(field.name)
    ]
    texts = (getattr(message, "status_details", None) for message in (metadata, *inner))
    return next((line for text in texts if isinstance(text, str) and (line := one_line(text))), None)


def _nested(metadata: Message) -> Progress | None:
    for field in metadata.DESCRIPTOR.fields:
        if not _holds_progress(field) or not metadata.HasField(field.name):
            continue
        inner = getattr(metadata, field.name)
        # A message that was sent means its numbers, zeros included.
        numbers = {name: number._replace(sent=True) for name, number in _numbers(inner).items()}
        found = _counts(numbers) or _percentage(numbers) or Progress()
        message = getattr(inner, "message", "")
        text = (one_line(message) if isinstance(message, str) else "") or found.text
        if text or found.fraction is not None:
            return Progress(found.fraction, text)
    return None


def _holds_progress(field: Any) -> bool:
    if field.message_type is None or _is_repeated(field) or _is_wrapper(field):
        return False
    return f"_{field.name}".endswith("_progress") or field.message_type.name.endswith("Progress")


def _counts(numbers: Mapping[str, _Number]) -> Progress | None:
    for name, (done, _) in numbers.items():
        counted = _DONE.fullmatch(name)
        if not counted:
            continue
        unit = counted[1] or counted[2] or ""
        total = _total(numbers, unit)
        fraction = _clamp(done, total)
        if fraction is not None:
            within = min(max(done, 0), total)
            text = f"{unit.replace('_', ' ')} {round(within):,} of {round(total):,}"
            return Progress(fraction, one_line(text))  # a double has up to 309 digits
    return None


def _total(numbers: Mapping[str, _Number], unit: str) -> float:
    names = (f"total_{unit}", f"total_{unit}s", f"{unit}_total", f"{unit}s_total") if unit else ("total",)
    return next((numbers[name].value for name in names if name in numbers), 0)


def _percentage(numbers: Mapping[str, _Number]) -> Progress | None:
    for name, (value, sent) in numbers.items():
        if _PERCENT.fullmatch(name) and (value or sent):
            fraction = _clamp(value, 100.0)
            if fraction is not None:
                return Progress(fraction)
    return None


def _numbers(message: Message) -> dict[str, _Number]:
    found = {}
    for field in message.DESCRIPTOR.fields:
        if _is_repeated(field):
            continue
        if field.cpp_type in _NUMERIC:
            sent = field.has_presence and message.HasField(field.name)
            found[field.name] = _Number(getattr(message, field.name), sent)
        elif _is_wrapper(field) and message.HasField(field.name):
            found[field.name] = _Number(getattr(message, field.name).value, sent=True)
    return found


def _is_wrapper(field: Any) -> bool:
    return field.message_type is not None and _WRAPPER.fullmatch(field.message_type.full_name) is not None


def _is_repeated(field: Any) -> bool:
    # `label` is deprecated since protobuf 6.31, and `is_repeated` does not exist in 5.29.
    flag = getattr(field, "is_repeated", None)
    return bool(flag) if flag is not None else field.label == field.LABEL_REPEATED


def _clamp(done: float, total: float) -> float | None:
    if not (math.isfinite(done) and math.isfinite(total)) or total <= 0:
        return None
    return min(1.0, max(0.0, done / total))
