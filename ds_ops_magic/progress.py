"""How far an operation is, read out of its metadata by shape rather than by a list of types.

The shapes in use today, as the stubs of ``yandexcloud`` 0.413 show them: ``progress_percentage`` (backup.v1),
``completed_batches`` of ``total_batches`` (ai.batch_inference), ``processed_rows`` of ``total_rows`` (ai.dataset),
``current_step`` of ``total_steps`` (ai.tuning), and a nested ``progress {message, progress 0..100, create_time}``
(datasphere.v2.jobs). A type that is added tomorrow and follows one of them works without a change here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from ds_ops_magic import wording

_DONE = re.compile(r"(?:completed|processed|finished|done|current)_(\w+)")
# CPPTYPE_INT32, INT64, UINT32, UINT64, DOUBLE and FLOAT of descriptor.proto.
_NUMERIC = range(1, 7)
_PERCENT = re.compile(r"(?:progress_)?(?:percent|percentage)|progress")


@dataclass(frozen=True)
class Progress:
    """How far an operation is, as far as its service says.

    Attributes:
        fraction: 0.0 to 1.0, or None where the service gives none. Never invented.
        text: The service's own words, or its counts (``step 620 of 1,000``); None where there are none.
    """

    fraction: float | None = None
    text: str | None = None


def progress_of(metadata: object) -> Progress:
    """Read progress out of an operation's metadata.

    Args:
        metadata: The decoded metadata; anything that is not a protobuf message has no progress.

    Returns:
        What is known. A fraction out of range is clamped, NaN is unknown. It never raises.
    """
    if not isinstance(metadata, Message):
        return Progress()
    return _nested(metadata) or _counts(metadata) or _percentage(metadata) or Progress()


def _nested(message: Message) -> Progress | None:
    field = message.DESCRIPTOR.fields_by_name.get("progress")
    if field is None or not _is_single_message(field) or not message.HasField("progress"):
        return None
    inner = message.progress  # type: ignore[attr-defined]  # the field was just found by this name
    found = _counts(inner) or _percentage(inner, present=True) or Progress()
    words = getattr(inner, "message", "")
    return Progress(found.fraction, (wording.one_line(words) if isinstance(words, str) else "") or found.text)


def _counts(message: Message) -> Progress | None:
    numbers = _numbers(message)
    for name, done in numbers.items():
        counted = _DONE.fullmatch(name)
        if not counted:
            continue
        unit = counted[1]
        total = numbers.get(f"total_{unit}", numbers.get(f"total_{unit}s", 0))
        fraction = _clamp(done, total)
        if fraction is not None:
            within = min(max(done, 0), total)
            return Progress(fraction, f"{unit.replace('_', ' ')} {round(within):,} of {round(total):,}")
    return None


def _percentage(message: Message, *, present: bool = False) -> Progress | None:
    """Read a field of percent; a zero that may just be unset counts only where ``present`` says it was sent."""
    for name, value in _numbers(message).items():
        if _PERCENT.fullmatch(name) and (value or present):
            fraction = _clamp(value, 100.0)
            if fraction is not None:
                return Progress(fraction)
    return None


def _numbers(message: Message) -> dict[str, float]:
    return {
        field.name: getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
        if field.cpp_type in _NUMERIC and not _is_repeated(field)
    }


def _is_repeated(field: Any) -> bool:
    # `label` is deprecated since protobuf 6.31, and `is_repeated` does not exist in 5.29.
    flag = getattr(field, "is_repeated", None)
    return bool(flag) if flag is not None else field.label == field.LABEL_REPEATED


def _is_single_message(field: Any) -> bool:
    return field.message_type is not None and not _is_repeated(field)


def _clamp(done: float, total: float) -> float | None:
    if not (math.isfinite(done) and math.isfinite(total)) or total <= 0:
        return None
    return min(1.0, max(0.0, done / total))
