"""Run the cell below ``%%op`` and return its value: that of its last expression or assignment."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from IPython.core.error import UsageError

_RESULT = "__op_given__"  # the variable that holds the value while the cell runs


def run(shell: Any, source: str) -> Any:
    """Run a cell in the user's namespace and return the value of its last statement.

    Nothing of it is run, and UsageError raised, where it awaits at its top level or where its last statement is neither
    an expression nor an assignment.
    """
    __tracebackhide__ = True  # IPython's: the error of a cell is about the cell
    text = shell.transform_cell(source)
    filename = shell.compile.cache(text, shell.execution_count, raw_code=source)
    tree = shell.transform_ast(shell.compile.ast_parse(text, filename=filename))
    last = _with_result(tree.body[-1]) if tree.body else []
    tree.body = [*(tree.body[:-1] if last else tree.body), *last]
    flags = shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(ast.fix_missing_locations(tree), filename, "exec", flags)
    if code.co_flags & inspect.CO_COROUTINE:
        raise UsageError("%%op wait: a cell that awaits at its top level cannot be run. Await it in a cell of its own.")
    if not last:
        raise UsageError(
            "%%op wait: the cell was not run: it gives nothing to wait for. "
            "End it with an operation, or assign one at its end."
        )
    try:
        eval(code, shell.user_global_ns, shell.user_ns)  # noqa: S307  # the user's own cell
        return shell.user_ns[_RESULT]
    finally:
        shell.user_ns.pop(_RESULT, None)


def _with_result(statement: ast.stmt) -> list[ast.stmt]:
    """Return statements that do the same and assign the value to `_RESULT`; none for a statement without a value.

    The value is assigned as it is computed: reading a target again would evaluate its subscript once more, which need
    not give the same.
    """
    if isinstance(statement, ast.Expr):
        return [_assign_result(statement.value, statement)]
    if isinstance(statement, ast.AugAssign):
        read = ast.parse(ast.unparse(statement.target), mode="eval").body
        return [statement, _assign_result(read, statement)]
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        value = statement.value
        first = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if isinstance(first, (ast.Tuple, ast.List)):  # unpacked, which an iterator can be once
            value = type(first)([ast.Starred(value, ast.Load())], ast.Load())
        statement.value = ast.Name(_RESULT, ast.Load())
        return [_assign_result(value, statement), statement]
    return []


def _assign_result(value: ast.expr, location: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Assign([ast.Name(_RESULT, ast.Store())], value), location)
