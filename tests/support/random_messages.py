"""Messages at random, of types that exist and of types that no stub has, with the values that break things."""

from __future__ import annotations

import math
import random
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

Field = descriptor_pb2.FieldDescriptorProto
_WORDS = ("progress", "percent", "percentage", "completed", "processed", "current", "done", "total", "step", "steps")
_NAMES = (*_WORDS, "rows", "message", "stage", "state", "pct", "value", "id", "job")
_SCALARS = [number for number in range(1, 19) if number not in (Field.TYPE_GROUP, Field.TYPE_MESSAGE, Field.TYPE_ENUM)]
_NESTED = (
    ".google.protobuf.DoubleValue",
    ".google.protobuf.Int64Value",
    ".google.protobuf.StringValue",
    ".google.protobuf.Struct",
    ".google.protobuf.Any",
    ".yandex.cloud.datasphere.v2.jobs.JobProgress",
    ".yandex.cloud.ai.tuning.v1.TuningMetadata",
)
_FILES = (
    "google/protobuf/wrappers.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/any.proto",
    "yandex/cloud/datasphere/v2/jobs/jobs.proto",
    "yandex/cloud/ai/tuning/v1/tuning_service.proto",
)
_FLOATS = (0.0, -0.0, 1.0, 50.0, 99.99, 100.0, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf)
_WORDINGS = ("", " ", "half", "\x1b[2J\u202e\n\x00", "%s{0}", "ж" * 2000)


def seeded(number: int) -> random.Random:
    return random.Random(number)  # noqa: S311  # no secret


def random_type(number: int, rng: random.Random) -> type[Message]:
    """Make a message type with a few fields, named the way progress is and of any type."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"random{number}.proto", package=f"tests.random{number}", syntax="proto3", dependency=_FILES
    )
    kind = file.message_type.add(name="ThingMetadata")
    names = {"_".join(rng.sample(_NAMES, rng.choice((1, 2, 2, 3)))) for _ in range(rng.randint(1, 8))}
    for tag, name in enumerate(sorted(names), 1):
        made = kind.field.add(name=name, number=tag, label=Field.LABEL_OPTIONAL)
        made.type = rng.choice([*_SCALARS, *[Field.TYPE_MESSAGE] * 6])
        if made.type == Field.TYPE_MESSAGE:
            made.type_name = rng.choice(_NESTED)
        if rng.random() < 0.1:
            made.label = Field.LABEL_REPEATED
        elif rng.random() < 0.2:
            made.proto3_optional, made.oneof_index = True, len(kind.oneof_decl)
            kind.oneof_decl.add(name=f"_{name}")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tests.random{number}.ThingMetadata"))


def filled(kind: type[Message], rng: random.Random, depth: int = 3) -> Message:
    """Make a message with values at random in most of its fields, those at the ends of their ranges often."""
    message = kind()
    for field in message.DESCRIPTOR.fields:
        many = _is_repeated(field)
        if field.message_type is not None and (many or depth == 0 or rng.random() < 0.2):
            continue
        if field.message_type is not None:
            inner = filled(message_factory.GetMessageClass(field.message_type), rng, depth - 1)
            getattr(message, field.name).CopyFrom(inner)
        elif rng.random() < 0.9:
            value = _value(field, rng)
            setattr(message, field.name, value) if not many else getattr(message, field.name).append(value)
    return message


def _value(field: Any, rng: random.Random) -> Any:
    kind = field.type
    if kind == Field.TYPE_BOOL:
        return rng.random() < 0.5
    if kind == Field.TYPE_STRING:
        return rng.choice(_WORDINGS)
    if kind == Field.TYPE_BYTES:
        return rng.randbytes(8)
    if kind == Field.TYPE_ENUM:
        return rng.choice([number.number for number in field.enum_type.values])
    if kind in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
        return rng.choice((*_FLOATS, rng.uniform(-10, 200)))
    bits = 64 if "64" in Field.Type.Name(kind) else 32
    unsigned = kind in (Field.TYPE_UINT32, Field.TYPE_UINT64, Field.TYPE_FIXED32, Field.TYPE_FIXED64)
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return rng.choice((0, 1, 2, 50, 100, 101, low, high, rng.randint(low, high)))


def _is_repeated(field: Any) -> bool:
    # `label` is deprecated since protobuf 6.31, and `is_repeated` does not exist in 5.29.
    flag = getattr(field, "is_repeated", None)
    return bool(flag) if flag is not None else field.label == field.LABEL_REPEATED
