"""What a cell gives: its last expression, or the value just assigned; and what happens when it fails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic.magics.cell import run


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 1", 2),
        ("x = 3", 3),
        ("x = y = 4", 4),
        ("a, b = 1, 2", (1, 2)),
        ("[a, *b] = 1, 2, 3", [1, 2, 3]),
        ("(a, (b, c)) = 1, (2, 3)", (1, (2, 3))),
        ("holder.deep = 5", 5),
        ("jobs['x'] = 6", 6),
        ("holder.one, jobs[2] = 7, 8", (7, 8)),
        ("x: int = 9", 9),
        ("x = 1\nx += 10", 11),
        ("(x := 12)", 12),
        ("x = 13  # a comment\n\n# another", 13),
        ("x = 14;", 14),
        ("None", None),
        ("import math\nmath.floor(15.5)", 15),
        ("jobs[len(jobs)] = 16", 16),
        ("jobs[next(numbers)] = jobs['y'] = 17", 17),
        ("first, *rest = numbers", (0, 1, 2)),
        ("jobs[0] = 18\njobs[0] += 1", 19),
        ("holder.x: int = 20", 20),
    ],
)
def test_the_value_of_a_cell(shell: Any, source: str, value: object) -> None:
    shell.user_ns.update(holder=SimpleNamespace(), jobs={}, numbers=iter(range(3)))
    names = {*shell.user_ns}
    assert run(shell, source) == value
    assert {name for name in {*shell.user_ns} - names if name.startswith("__")} <= {"__annotations__"}


@pytest.mark.parametrize(
    "source",
    ["", "\n", "# a comment", "pass", "import math", "for i in range(3):\n    i", "def f():\n    return 1", "x: int"],
)
def test_a_cell_that_gives_nothing_is_not_run(shell: Any, source: str) -> None:
    with pytest.raises(UsageError, match="the cell was not run: it gives nothing to wait for"):
        run(shell, f"ran = True\n{source}" if source in ("pass", "x: int") else source)
    assert "ran" not in shell.user_ns


def test_the_cell_runs_in_the_users_namespace_and_only_once(shell: Any) -> None:
    shell.user_ns["calls"] = []
    assert run(shell, "def start(name):\n    calls.append(name)\n    return name\nx = start('a')") == "a"
    assert shell.user_ns["calls"] == ["a"]
    assert shell.user_ns["x"] == "a"


def test_ipython_syntax_is_understood(shell: Any) -> None:
    shell.ast_node_interactivity = "all"  # says what is displayed, not what is given
    assert run(shell, "%precision 3\nfound = !echo hello\nfound[0]") == "hello"


def test_the_cells_own_error_is_raised_with_its_own_line(shell: Any) -> None:
    with pytest.raises(SyntaxError):
        run(shell, "x = 1\nx +")
    assert "x" not in shell.user_ns
    with pytest.raises(ZeroDivisionError) as caught:
        run(shell, "x = 1\nx / 0\nx = 2")
    assert shell.user_ns["x"] == 1
    assert caught.traceback[-1].lineno == 1  # counted from 0
    assert str(caught.traceback[-1].statement) == "x / 0"


@pytest.mark.parametrize(
    "await_something",
    ["await started()", "x = await started()", "async with started():\n    pass", "[y async for y in started()]"],
)
@pytest.mark.parametrize("last", ["", "\n1"])
def test_top_level_await_is_refused_before_anything_runs(shell: Any, await_something: str, last: str) -> None:
    shell.user_ns["calls"] = []
    with pytest.raises(UsageError, match="%%op wait: a cell that awaits at its top level cannot be run") as caught:
        run(shell, f"calls.append('started')\n{await_something}{last}")
    assert "\n" not in str(caught.value)
    assert shell.user_ns["calls"] == []


def test_await_inside_of_a_function_is_no_top_level_await(shell: Any) -> None:
    source = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 16\nasyncio.new_event_loop()"
    loop = run(shell, source)
    try:
        assert loop.run_until_complete(shell.user_ns["f"]()) == 16
    finally:
        loop.close()


def test_future_imports_of_the_shell_hold(shell: Any) -> None:
    shell.run_cell("from __future__ import annotations")
    assert run(shell, "def f(x: nowhere): ...\nf.__annotations__") == {"x": "nowhere"}
