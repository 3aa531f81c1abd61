"""From what a user types to operation ids: variables, expressions, and ids."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from IPython.core.error import UsageError

from ds_ops_magic.model import references
from ds_ops_magic.model.errors import NotAnOperation, WaitInterrupted
from ds_ops_magic.model.sdk_references import key_in_url
from ds_ops_magic.util.text import counted, duration, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ds_ops_magic.model.operation import Operation

_FIRST_PROGRESS = 2.0
"""Seconds that reading an iterator takes before the first line about its progress."""
_NO_ID = re.compile(r"[][(){},$*]")  # of Python or of a shell: no service has these in its ids


class Scope(NamedTuple):
    """The variables that are seen where a line stands, and how to evaluate an expression among them."""

    names: Mapping[str, Any]
    evaluate: Callable[[str], Any]


def scope_of(shell: Any, local_names: Mapping[str, Any] | None) -> Scope:
    """Return what a line sees: the variables of the notebook, and in a function those of the function too."""
    if local_names is None or local_names is shell.user_ns:
        return Scope(shell.user_ns, shell.ev)
    names = {**shell.user_ns, **local_names}  # one dictionary: a comprehension sees global names alone
    return Scope(names, lambda expression: eval(expression, names))  # noqa: S307  # the user's own


@dataclass(frozen=True)
class Targets:
    """The operations a user has named, in order."""

    ids: tuple[str, ...]
    single: bool  # one operation was named as such, and not a collection that happens to hold one

    def result(self, operations: Sequence[Operation | None]) -> Any:
        return operations[0] if self.single else operations


def resolve(words: Sequence[str], scope: Scope, ids_read: list[str] | None = None) -> Targets:
    """Find the operations that words stand for, as `resolve_value` does for each.

    A word is a name, attribute or subscript that is found in the scope, ``{an expression}``, or an id.
    """
    ids_read = [] if ids_read is None else ids_read
    found = [_resolve_word(word, scope, ids_read) for word in words]
    ids = tuple(operation_id for targets in found for operation_id in targets.ids)
    return Targets(ids, len(found) == 1 and found[0].single)


def resolve_value(value: Any, name: str, ids_read: list[str] | None = None) -> Targets:
    """Find the operations that a value stands for.

    Args:
        value: What `ds_ops_magic.model.references` takes for one operation or for several.
        name: How the user called it, for the message.
        ids_read: Takes the ids that an iterator gives, which gives them only once: the operations it started must not
            be lost where it fails or is stopped on the way.

    Raises:
        UsageError: It is or contains something else; or it is empty.
        WaitInterrupted: Stop was pressed while it was read.
    """
    ids = ids_read if isinstance(value, Iterator) and ids_read is not None else []
    before = len(ids)
    try:
        operation_id = references.id_of(value)
        if operation_id is not None:
            return Targets((operation_id,), single=True)
        for operation_id in with_progress(references.ids_in(value, name), name):
            ids.append(operation_id)
    except NotAnOperation as error:
        raise UsageError(f"%op: {error}{_ids_before(ids[before:])}") from None
    except KeyboardInterrupt:
        raise _reading_interrupted(name, ids[before:]) from None
    except Exception as error:  # of a generator that computes them
        raise _not_evaluated(name, error, _ids_before(ids[before:])) from None
    if len(ids) == before:
        raise UsageError(f"%op: {name} holds no operation.")
    return Targets(tuple(ids[before:]), single=False)


def with_progress(ids: Iterable[str], name: str, clock: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """Pass ids on, and print a line while they are slow to come: after 2 s, 4 s, 8 s and so on."""
    start, due = clock(), _FIRST_PROGRESS
    for number, operation_id in enumerate(ids, 1):
        yield operation_id
        elapsed = clock() - start
        if elapsed >= due:
            print(f"%op: reading {one_line(name, 80)}: {counted(number)} so far, in {duration(elapsed)}")
            due = 2 * elapsed


def connection_target(word: str | None, scope: Scope) -> Any:
    """Find what to connect to: the value of a variable or of ``{an expression}``, else the word itself."""
    return word if word is None or word in ("local", "yandex") else _value_of(word, scope)


def text_of(word: str, scope: Scope) -> str:
    """Return the text that a word stands for: that of a variable or of ``{an expression}``, else the word itself."""
    value = _value_of(word, scope)
    return str(value) if isinstance(value, str) or _is_expression(word) else word


def _is_expression(word: str) -> bool:
    return word.startswith("{") and word.endswith("}")


def _value_of(word: str, scope: Scope) -> Any:
    return _evaluate(word[1:-1], scope) if _is_expression(word) else scope.names.get(word, word)


def _resolve_word(word: str, scope: Scope, ids_read: list[str]) -> Targets:
    if _is_expression(word):
        return resolve_value(_evaluate(word[1:-1], scope), word, ids_read)
    root = _root_name(word)
    if root is not None and root in scope.names:
        return resolve_value(_evaluate(word, scope), word, ids_read)
    if root is not None and word != root:
        raise UsageError(f"%op: there is no variable {root!r}. Give an id, a variable or {{an expression}}.")
    operation_id = word.strip("'\"")
    try:
        if (key := key_in_url(operation_id)) is not None:
            return Targets((key,), single=True)
    except NotAnOperation as error:
        raise UsageError(f"%op: {error}") from None
    if _NO_ID.search(operation_id):
        shown = one_line(operation_id, 80)
        raise UsageError(f"%op: {shown} is neither an id nor a variable. An expression stands in braces: {{{shown}}}")
    return Targets((operation_id,), single=True)


def _evaluate(expression: str, scope: Scope) -> Any:
    try:
        return scope.evaluate(expression)
    except Exception as error:
        raise _not_evaluated(expression, error) from None


def _not_evaluated(expression: str, error: Exception, more: str = "") -> UsageError:
    message = one_line(f"{type(error).__name__}: {error}", 200)
    sentence = f"%op: {one_line(expression, 80)} cannot be evaluated: {message}"
    return UsageError(f"{sentence}.{more}" if more else sentence)


def _ids_before(ids: Sequence[str]) -> str:
    return f" {counted(len(ids))} came before it; %op wait with no id waits for these." if ids else ""


def _reading_interrupted(name: str, ids: Sequence[str]) -> WaitInterrupted:
    stopped = f"Stopped reading {one_line(name, 80)}"
    if not ids:
        return WaitInterrupted(f"{stopped} before it had given an operation.")
    go_on = "goes on" if len(ids) == 1 else "go on"
    return WaitInterrupted(
        f"{stopped} after {counted(len(ids))}, which {go_on}.", "To wait for what it gave: %op wait with no id"
    )


def _root_name(word: str) -> str | None:
    """Return the name that a reference starts with; None for what is no name, attribute or subscript."""
    try:
        node: ast.AST = ast.parse(word, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
