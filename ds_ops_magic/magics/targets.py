"""From what a user types to operation ids: names in the namespace, expressions, and ids."""

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
from ds_ops_magic.util.text import counted, duration, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_PATIENCE = 2.0
"""Seconds that an iterator may take before a line says that it is being read."""
_NO_ID = re.compile(r"[][(){},$*]")  # of Python or of a shell: no service has these in its ids


class Scope(NamedTuple):
    """What the words of a line can mean.

    Attributes:
        names: The variables that are seen where the line stands.
        evaluate: Evaluates an expression among them.
    """

    names: Mapping[str, Any]
    evaluate: Callable[[str], Any]


def scope_of(shell: Any, local_names: Mapping[str, Any] | None) -> Scope:
    """Return what a line of a notebook sees: in a function its variables too, as any other line of the function does.

    Args:
        shell: The IPython shell.
        local_names: The variables of where the line stands; None where they are those of the notebook.
    """
    if local_names is None or local_names is shell.user_ns:
        return Scope(shell.user_ns, shell.ev)
    names = {**shell.user_ns, **local_names}  # one dictionary: a comprehension sees global names alone
    return Scope(names, lambda expression: eval(expression, names))  # noqa: S307  # the user's own


@dataclass(frozen=True)
class Targets:
    """The operations a user has named.

    Attributes:
        ids: Their ids, in order.
        single: Whether one operation was named as such, and not a collection that happens to hold one.
    """

    ids: tuple[str, ...]
    single: bool


def resolve(words: Sequence[str], scope: Scope, read: list[str] | None = None) -> Targets:
    """Find the operations that words stand for.

    Args:
        words: Each a name, attribute or subscript that is found in the scope, ``{an expression}``, or an id.
        scope: What names and expressions mean.
        read: As for `resolve_value`.

    Raises:
        UsageError: A word stands for something that is no operation, or for none at all.
        WaitInterrupted: Stop was pressed while an iterator was read.
    """
    read = [] if read is None else read
    found = [_resolve_one(word, scope, read) for word in words]
    return Targets(tuple(name for one in found for name in one.ids), len(found) == 1 and found[0].single)


def resolve_value(value: Any, name: str, read: list[str] | None = None) -> Targets:
    """Find the operations that a value stands for.

    Args:
        value: What `ds_ops_magic.model.references` takes for one operation or for several.
        name: How the user called it, for the message.
        read: Takes the ids that an iterator has given, which cannot be asked for them again: what it has started
            must not be lost where it fails or is stopped on the way.

    Raises:
        UsageError: It is, or holds, something else; or it is empty.
        WaitInterrupted: Stop was pressed while it was read.
    """
    given: list[str] = []
    if isinstance(value, Iterator):
        given = [] if read is None else read
    before = len(given)
    try:
        one = references.id_of(value)
        if one is not None:
            return Targets((one,), single=True)
        for found in reported(references.ids_in(value, name), name):
            given.append(found)
    except NotAnOperation as error:
        raise UsageError(f"%op: {error}{_already(given[before:])}") from None
    except KeyboardInterrupt:
        raise _stopped(name, given[before:]) from None
    except Exception as error:  # of a generator that computes them
        raise _not_evaluated(name, error, _already(given[before:])) from None
    if len(given) == before:
        raise UsageError(f"%op: {name} holds no operation.")
    return Targets(tuple(given[before:]), single=False)


def reported(ids: Iterable[str], name: str, clock: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """Pass ids on, and print a line now and then while they are slow to come: after 2 s, 4 s, 8 s and so on."""
    start, due = clock(), _PATIENCE
    for number, found in enumerate(ids, 1):
        yield found
        taken = clock() - start
        if taken >= due:
            so_many = counted(number)
            print(f"%op: reading {one_line(name, 80)}: {so_many} so far, in {duration(taken)}")
            due = 2 * taken


def _resolve_one(word: str, scope: Scope, read: list[str]) -> Targets:
    if word.startswith("{") and word.endswith("}"):
        return resolve_value(_evaluated(word[1:-1], scope), word, read)
    root = _root_name(word)
    if root is not None and root in scope.names:
        return resolve_value(_evaluated(word, scope), word, read)
    if root is not None and word != root:
        raise UsageError(f"%op: there is no variable {root!r}. Give an id, a variable or {{an expression}}.")
    name = word.strip("'\"")
    if _NO_ID.search(name):
        shown = one_line(name, 80)
        raise UsageError(f"%op: {shown} is neither an id nor a variable. An expression stands in braces: {{{shown}}}")
    return Targets((name,), single=True)


def service(word: str | None, scope: Scope) -> Any:
    """Find what to connect to: the value of a variable or of ``{an expression}``, else the word itself.

    Raises:
        UsageError: The expression cannot be evaluated.
    """
    if word is None or word in ("local", "yandex"):
        return word
    if word.startswith("{") and word.endswith("}"):
        return _evaluated(word[1:-1], scope)
    return scope.names.get(word, word)


def _evaluated(expression: str, scope: Scope) -> Any:
    try:
        return scope.evaluate(expression)
    except Exception as error:
        raise _not_evaluated(expression, error) from None


def _not_evaluated(expression: str, error: Exception, more: str = "") -> UsageError:
    said = one_line(f"{type(error).__name__}: {error}", 200)
    sentence = f"%op: {one_line(expression, 80)} cannot be evaluated: {said}"
    return UsageError(f"{sentence}.{more}" if more else sentence)


def _already(ids: Sequence[str]) -> str:
    """Word what an iterator had given before it failed."""
    return f" {counted(len(ids))} came before it; %op wait with no id waits for these." if ids else ""


def _stopped(name: str, ids: Sequence[str]) -> WaitInterrupted:
    what = f"Stopped reading {one_line(name, 80)}"
    if not ids:
        return WaitInterrupted(f"{what} before it had given an operation.")
    goes = "goes on" if len(ids) == 1 else "go on"
    return WaitInterrupted(
        f"{what} after {counted(len(ids))}, which {goes}.", "To wait for what it gave: %op wait with no id"
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
