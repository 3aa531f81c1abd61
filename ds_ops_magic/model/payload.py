"""Payloads: a protobuf ``Any`` to the typed message it holds, and any message to plain data."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from ds_ops_magic.model import error_details
from ds_ops_magic.model.type_registry import find_type
from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import counted, one_line, tidy

_MAX_NAME = 200  # characters of a type's name that are worth splitting
_MAX_DETAIL = 64_000  # bytes of an error detail that is worth describing
_WORDS = re.compile(r"[A-Z]+[0-9]*(?![a-z0-9])|[A-Z][a-z0-9]*")


@dataclass(frozen=True)
class UnknownPayload(PickledByName):
    """A payload whose type is not installed here, or whose bytes are not of the type they claim.

    Attributes:
        type_url: What the service called it, as it came.
        size: Size of the payload in bytes.
    """

    type_url: str
    size: int


Payload: TypeAlias = Message | UnknownPayload


def decode(payload: AnyMessage) -> Message | UnknownPayload | None:
    """Decode an ``Any`` by its own ``type_url``; None when the field is unset. It never raises."""
    if not payload.type_url:
        return None
    message_type = find_type(payload.type_url.rpartition("/")[2])
    if message_type is not None:
        with contextlib.suppress(DecodeError):
            return message_type.FromString(payload.value)
    return UnknownPayload(payload.type_url, len(payload.value))


def to_plain(message: Message) -> Any:
    """Turn a message into plain Python data by the JSON mapping of protobuf, with the field names of the API.

    An ``Any`` becomes what it holds, with its ``@type``. It never raises: what the mapping refuses (a type that is
    not installed, bytes that do not parse, too deep nesting) becomes its type and size.
    """
    try:
        return json_format.MessageToDict(message, preserving_proto_field_name=True, descriptor_pool=_INSTALLED)
    except (TypeError, ValueError, DecodeError, json_format.Error, RecursionError):
        if isinstance(message, AnyMessage):
            return {"@type": message.type_url, "size": len(message.value)}
        return {"@type": message.DESCRIPTOR.full_name, "size": message.ByteSize()}


def to_line(payload: Message | UnknownPayload, limit: int = 160) -> str:
    """Describe a payload in one line of at most so many characters that is safe to print.

    An error detail of ``google.rpc`` is in plain English (``try again in 30 s``), anything else has its type and
    fields (``Disk: id fhm1, size 10``), or its size where they are too long.
    """
    if isinstance(payload, UnknownPayload):
        name, size = payload.type_url, payload.size
    else:
        name, size = payload.DESCRIPTOR.full_name, payload.ByteSize()
        with contextlib.suppress(Exception):  # an Any inside that is broken or nested too deep
            text = error_details.describe(payload) if size <= _MAX_DETAIL else None
            if text is None and size <= 16 * limit:
                fields = _without_punctuation(json_format.MessageToDict(payload, preserving_proto_field_name=True))
                text = ": ".join(filter(None, (payload.DESCRIPTOR.name, fields)))
            if text is not None:
                return one_line(text, limit)
    return tidy(f"{name.rpartition('/')[2][-limit:]}, {counted(size, 'byte')}", limit)


def _without_punctuation(plain: Any) -> str:
    if isinstance(plain, dict):
        return ", ".join(f"{name} {_without_punctuation(value)}" for name, value in plain.items() if name != "@type")
    if isinstance(plain, list):
        return "; ".join(map(_without_punctuation, plain))
    return str(plain)


def type_words(type_name: str) -> list[str]:
    """Split the name of a metadata type: ``a.b.CreateGPUClusterMetadata`` gives Create, GPU, Cluster."""
    return _WORDS.findall(type_name.rpartition(".")[2][:_MAX_NAME].removesuffix("Metadata"))


def target_id(metadata: object) -> str | None:
    """Return the id of what an operation works on, by the names in its metadata; None where it does not say.

    ``CreateProjectJobMetadata {project_id, job_id}`` is about the job: the field whose name the type's name ends with.
    It is the id (a number in cdn.v1), or a message that has one (``ExecuteProjectJobMetadata {job {id}}``).
    """
    if not isinstance(metadata, Message):
        return None
    about = "_" + "_".join(type_words(metadata.DESCRIPTOR.name)).lower()
    ids = [field.name for field in metadata.DESCRIPTOR.fields if field.name.endswith("_id")]
    fitting = [name for name in ids if about.endswith(f"_{name.removesuffix('_id')}")]
    best = max(fitting, key=len, default=ids[0] if len(ids) == 1 else None)
    if best is not None:
        return _as_id(getattr(metadata, best))
    holders = [
        field.name
        for field in metadata.DESCRIPTOR.fields
        if field.message_type is not None and about.endswith(f"_{field.name}")
    ]
    return _as_id(getattr(getattr(metadata, max(holders, key=len)), "id", None)) if holders else None


def _as_id(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value else None


class _Installed:
    """A descriptor pool, for the JSON mapping, that finds every type that is installed."""

    def FindMessageTypeByName(self, full_name: str) -> Any:  # noqa: N802  # protobuf's own name for it
        found = find_type(full_name)
        if found is None:
            raise KeyError(full_name)
        return found.DESCRIPTOR


_INSTALLED: Any = _Installed()
