"""From what a user names to operation ids: names, expressions, operations, dictionaries, and iterables of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ds_ops_magic import wording

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Targets:
    """The operations a user has named.

    Attributes:
        ids: Their ids, in order.
        single: Whether one operation was named as such, and not a collection that happens to hold one.
    """

    ids: tuple[str, ...]
    single: bool


def resolve(words: Sequence[str], namespace: Mapping[str, Any], evaluate: Callable[[str], Any]) -> Targets:
    """Find the operations that words stand for.

    Args:
        words: Each a name, attribute or subscript that is found in the namespace, ``{an expression}``, or an id.
        namespace: The user's variables.
        evaluate: Evaluates an expression among them.

    Raises:
        UsageError: A word stands for something that is no operation, or for none at all.
    """
    found = [_resolve_one(word, namespace, evaluate) for word in words]
    return Targets(tuple(name for one in found for name in one.ids), len(found) == 1 and found[0].single)


def resolve_value(value: Any, name: str) -> Targets:
    """Find the operations that a value stands for.

    Args:
        value: An operation (ours or the protobuf message), an id, a dictionary with an ``id``, a watch, an
            ``OperationResult`` of yandexcloud, or any iterable of these.
        name: How the user called it, for the message.

    Raises:
        UsageError: It is, or holds, something else; or it is empty.
    """
    one = _id_of(value)
    if one is not None:
        return Targets((one,), single=True)
    try:
        ids = tuple(_ids_in(value, name))
    except UsageError:
        raise
    except Exception as error:  # of a generator that computes them
        raise _not_evaluated(name, error) from None
    if not ids:
        raise UsageError(f"%op: {name} holds no operation.")
    return Targets(ids, single=False)


def _resolve_one(word: str, namespace: Mapping[str, Any], evaluate: Callable[[str], Any]) -> Targets:
    if word.startswith("{") and word.endswith("}"):
        return resolve_value(_evaluated(word[1:-1], evaluate), word)
    root = _root_name(word)
    if root is not None and root in namespace:
        return resolve_value(_evaluated(word, evaluate), word)
    if root is not None and word != root:
        raise UsageError(f"%op: there is no variable {root!r}. Give an id, a variable or {{an expression}}.")
    return Targets((word.strip("'\""),), single=True)


def service(word: str | None, namespace: Mapping[str, Any], evaluate: Callable[[str], Any]) -> Any:
    """Find what to connect to: the value of a variable or of ``{an expression}``, else the word itself.

    Raises:
        UsageError: The expression cannot be evaluated.
    """
    if word is None or word in ("local", "yandex"):
        return word
    if word.startswith("{") and word.endswith("}"):
        return _evaluated(word[1:-1], evaluate)
    return namespace.get(word, word)


def _evaluated(expression: str, evaluate: Callable[[str], Any]) -> Any:
    try:
        return evaluate(expression)
    except Exception as error:
        raise _not_evaluated(expression, error) from None


def _not_evaluated(expression: str, error: Exception) -> UsageError:
    said = wording.one_line(f"{type(error).__name__}: {error}", 200)
    return UsageError(f"%op: {wording.one_line(expression, 80)} cannot be evaluated: {said}")


def _root_name(word: str) -> str | None:
    """Return the name that a reference starts with; None for what is no name, attribute or subscript."""
    try:
        node: ast.AST = ast.parse(word, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _id_of(value: Any) -> str | None:
    """Return the id of what is one operation; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        one = value.get("id")
        return one if isinstance(one, str) else None
    one = getattr(value, "id", None)
    if isinstance(one, str) and hasattr(value, "done"):  # ours, and the protobuf message
        return one
    inner = getattr(value, "operation", None)  # yandexcloud's OperationResult
    return _id_of(inner) if inner is not None and not callable(inner) else None


def _ids_in(value: Any, name: str) -> Iterable[str]:
    watched = _watched(value)
    if watched is not None:
        yield from watched
        return
    # A table would give the names of its columns.
    is_table = getattr(value, "ndim", 1) != 1
    if is_table or isinstance(value, (bytes, bytearray)) or not isinstance(value, Iterable):
        raise UsageError(_not_one(value, name))
    members = value.values() if isinstance(value, Mapping) else value
    for number, member in enumerate(members):
        one = _id_of(member)
        ids = _watched(member) if one is None else (one,)
        if ids is None:
            raise UsageError(_not_one(member, f"item {number} of {name}"))
        yield from ids


def _watched(value: Any) -> tuple[str, ...] | None:
    """Return what a Watch follows; None for anything else."""
    ids = getattr(value, "ids", None)
    return ids if isinstance(ids, tuple) and hasattr(value, "view") else None


def _not_one(value: Any, name: str) -> str:
    kind = wording.one_line(type(value).__name__, 60)
    return f"%op: {wording.one_line(name, 80)} is no operation but {_article(kind)}. Give an operation or its id."


def _article(kind: str) -> str:
    if kind == "NoneType":
        return "None"
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
