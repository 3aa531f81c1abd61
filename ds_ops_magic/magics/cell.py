"""Run a cell and get hold of what it gives: its last expression, or the value it has just assigned."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from types import CodeType

NOTHING = object()
"""What a cell gives whose last statement is neither an expression nor an assignment."""


def run(shell: Any, source: str) -> Any:
    """Run a cell in the user's namespace.

    Args:
        shell: The IPython shell.
        source: The cell, IPython syntax included.

    Returns:
        The value of its last statement, or `NOTHING`.

    Raises:
        UsageError: The cell awaits at its top level.
        Exception: Whatever the cell raises.
    """
    __tracebackhide__ = True  # IPython's: the error of a cell is about the cell
    code = shell.transform_cell(source)
    filename = shell.compile.cache(code, shell.execution_count, raw_code=source)
    tree = shell.transform_ast(shell.compile.ast_parse(code, filename=filename))
    if not tree.body:
        return NOTHING
    last = tree.body[-1]
    value = _value_expression(last)
    body = tree.body[:-1] if isinstance(last, ast.Expr) else tree.body
    # Both compiled before either runs: a cell that is refused should not have started anything.
    statements = _compiled(shell, ast.Module(body, type_ignores=[]), "exec", filename)
    expression = _compiled(shell, ast.Expression(value), "eval", filename) if value is not None else None
    eval(statements, shell.user_global_ns, shell.user_ns)  # noqa: S307  # the user's own cell
    if expression is None:
        return NOTHING
    return eval(expression, shell.user_global_ns, shell.user_ns)  # noqa: S307


def _compiled(shell: Any, tree: ast.Module | ast.Expression, mode: str, filename: str) -> CodeType:
    flags: int = shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(ast.fix_missing_locations(tree), filename, mode, flags)
    if code.co_flags & inspect.CO_COROUTINE:
        raise UsageError("%%op wait: a cell that awaits at its top level cannot be run. Await it in a cell of its own.")
    return code


def _value_expression(statement: ast.stmt) -> ast.expr | None:
    """Return the expression that gives the value of a statement; a target of an assignment is read again."""
    if isinstance(statement, ast.Expr):
        return statement.value
    if isinstance(statement, ast.Assign):
        return _loaded(statement.targets[0])
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and statement.value is not None:
        return _loaded(statement.target)
    return None


def _loaded(target: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(target), mode="eval").body
