"""Keys of what stands for operations: snapshots, messages, dictionaries and their JSON text, and collections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from ds_ops_magic.model.errors import InvalidOperationId, NotAnOperation
from ds_ops_magic.model.ids import JOB, MAX_ID_LENGTH, OPERATION, split_key
from ds_ops_magic.model.job import Job
from ds_ops_magic.model.sdk_references import (
    attribute,
    has_attribute,
    key_in_fields,
    key_in_url,
    key_of_object,
    operation_within,
)
from ds_ops_magic.util.text import one_line


class Snapshot(Protocol):
    """An operation: ours, or the protobuf message."""

    @property
    def id(self) -> str: ...

    @property
    def done(self) -> bool: ...


class Holder(Protocol):
    """An object that has an operation: an ``OperationResult`` of yandexcloud, or an error about one."""

    @property
    def operation(self) -> Any: ...


class ResultHolder(Protocol):
    """An ``OperationError`` of yandexcloud."""

    @property
    def operation_result(self) -> Any: ...


class SdkOperation(Protocol):
    """An operation of AI Studio's SDK."""

    @property
    def id(self) -> Any: ...

    def get_status(self, *, timeout: float = ...) -> Any: ...


Reference: TypeAlias = str | bytes | Snapshot | Job | Holder | ResultHolder | SdkOperation | Mapping[str, Any]
"""What stands for one operation: see `id_of`."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_EXAMPLE = "Give the id alone, for example %op wait bt1k9s3c2nq8r5v7m0fd"
_JSON = re.compile(r"\s*[{\[]")


def id_of(value: object) -> str | None:
    """Return the key of what stands for one operation, None for anything else.

    That is an id or a key, with or without white space around it; the URL of a job in the console; an operation (ours
    or the protobuf message); a `Job`, or the protobuf message of one; an operation of an SDK of Yandex's; a dictionary
    of one, as REST answers, ``yc --format json`` and ``datasphere`` print, or the text of it; or what has an
    ``operation`` that is one of these.

    Raises:
        NotAnOperation: It is text that begins as JSON or a URL does and is none of these, or what an SDK has for
            something else than an operation.
    """
    value = _read(value)
    if isinstance(value, str):
        text = value.strip()  # what a command printed ends with a line break
        return key_in_url(text) or text
    if isinstance(value, Mapping):
        return key_in_fields(value) or (one.strip() if isinstance(one := value.get("id"), str) else None)
    if (key := key_of_object(value)) is not None:
        return key
    one = attribute(value, "id")
    if isinstance(one, str) and has_attribute(value, "done"):
        return one
    inner = operation_within(value)
    return id_of(inner) if inner is not None else None


def only_id_of(value: object) -> str:
    """Return the id of what stands for one operation; NotAnOperation for what stands for none or for several."""
    found = id_of(value)
    if found is None:
        raise NotAnOperation(_not_one(_read(value), "what was given"))
    return found


def ids_in(value: object, name: str) -> Iterator[str]:
    """Yield the ids of a collection of operations, in its order; NotAnOperation, with its name, for anything else.

    That is any iterable of what `id_of` takes (a dictionary means its values), a watch, what has ``operations`` (the
    answer of a ``ListOperations``, an error about several), or the text of any of these.
    """
    value = _read(value)
    if isinstance(value, Mapping):
        listed = value.get("operations")  # as REST lists them
        value = listed if isinstance(listed, list) else value.values()
    elif (several := _several(value)) is not None:
        value = several
    # A table would give the names of its columns.
    is_table = attribute(value, "ndim") not in (None, 1)
    if is_table or isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Iterable):
        raise NotAnOperation(_not_one(value, name))
    for number, member in enumerate(value):
        one = id_of(member)
        if one is not None:
            yield one
            continue
        several = _several(member)
        if several is None:
            raise NotAnOperation(_not_one(member, f"item {number} of {name}"))
        yield from ids_in(several, f"item {number} of {name}")


def ids_of(*values: object) -> Iterator[str]:
    """Yield the ids of arguments, each one operation or a collection; NotAnOperation names one by its position."""
    for number, value in enumerate(values):
        one = id_of(value)
        if one is not None:
            yield one
        else:
            yield from ids_in(value, "what was given" if len(values) == 1 else f"argument {number}")


def key_to_ask(value: object) -> str:
    """Return the key of what stands for one operation, fit to be asked about; raises as `only_id_of` and `check_id`."""
    return check_id(only_id_of(value))


def keys_to_ask(*values: object) -> list[str]:
    """Return the keys of what stands for operations, which may be asked about; raises as `ids_of` and `check_id`."""
    return [check_id(found) for found in ids_of(*values)]


def check_id(key: str) -> str:
    """Return a key that may be asked about; InvalidOperationId where the id in it is empty, too long or not text."""
    if not key:
        raise InvalidOperationId("An operation id cannot be empty.", "Name the operation: %op wait ID")
    service, bare_id = split_key(key)
    if service == OPERATION and key.startswith(f"{JOB}:"):
        raise InvalidOperationId(
            f"{one_line(key, 60)!r} names no job: its id, of letters, digits, - and _, has to follow {JOB}: at once.",
            f"Give the id that the console shows, for example %op wait {JOB}:bt1k9s3c2nq8r5v7m0fd",
        )
    if len(bare_id) > MAX_ID_LENGTH:
        raise InvalidOperationId(
            f"{one_line(key, 30)!r} is no operation id: it has {len(bare_id):,} characters, "
            f"ids have at most {MAX_ID_LENGTH}.",
            _EXAMPLE,
        )
    if _SURROGATE.search(key):  # no message can carry a lone one
        raise InvalidOperationId(f"{one_line(key)!r} is no operation id: it is not text.", _EXAMPLE)
    return key


def _several(value: object) -> Iterable[Any] | None:
    """Return the ids of a watch, or the operations of an object that has several; None for anything else."""
    ids = attribute(value, "ids")
    if isinstance(ids, tuple) and has_attribute(value, "view"):
        return ids
    operations = attribute(value, "operations")
    return operations if isinstance(operations, Iterable) and not isinstance(value, Mapping) else None


def _read(value: object) -> object:
    """Return the data in a text of JSON, and anything else as it is."""
    if isinstance(value, (bytes, bytearray)):
        try:
            text = bytes(value).decode()
        except UnicodeDecodeError:
            return value
        return _read(text) if _JSON.match(text) else value
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        return _joined(value)
    if not isinstance(value, str) or not _JSON.match(value):
        return value
    try:
        return _documents(value)
    except (ValueError, RecursionError) as error:
        why = one_line(str(error), 100)
        raise NotAnOperation(
            f"{one_line(value, 40)!r} begins as JSON does, and cannot be read: {why}. "
            "Give all that the command printed, or an id."
        ) from None


def _joined(lines: list[str]) -> object:
    """Return the data in lines of output (``out = !yc ... --format json``); other texts are ids, and stay a list."""
    # IPython's own list may begin with what the command said on stderr.
    first = next((number for number, line in enumerate(lines) if _JSON.match(line)), None)
    if first is None or (first and not has_attribute(lines, "nlstr")):
        return lines
    try:
        return _documents("\n".join(lines[first:]))
    except (ValueError, RecursionError):
        return lines


def _documents(text: str) -> object:
    """Parse a JSON document, or several in a row."""
    found, place, decoder = [], 0, json.JSONDecoder()
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        document, place = decoder.raw_decode(text, place)
        found.append(document)
    return found[0] if len(found) == 1 else found


def _not_one(value: object, name: str) -> str:
    kind = one_line(type(value).__name__, 60)
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    what = f"{one_line(name, 80)} is no operation but {'None' if value is None else f'{article} {kind}'}"
    if attribute(value, "ndim") == 2:
        return f"{what}. Give the column that has the ids."
    if has_attribute(value, "__await__"):
        return f"{what}. Await it, and give what it returns."
    return f"{what}. Give an operation or its id."
