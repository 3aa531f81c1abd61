"""A magic that is connected, and operations for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ds_ops_magic import LocalService
from tests.magics import Op
from tests.support.scripted import Call, ScriptedServer, message

if TYPE_CHECKING:
    from tests.support.kernels import Kernel


@pytest.fixture
def run(shell: Any) -> Op:
    """The line magic."""
    return lambda line: shell.run_line_magic("op", line)


@pytest.fixture
def op(run: Op, operation_service: LocalService) -> Op:
    """The line magic, connected."""
    run(f"connect {operation_service.address};")
    return run


@pytest.fixture
def scripted(run: Op) -> Iterator[ScriptedServer]:
    """A service of operations that run, which the line magic is connected to."""
    with ScriptedServer(lambda call: message(call.id)) as started:
        run(f"connect {started.address};")
        yield started


@pytest.fixture
def begin(operation_service: LocalService) -> Op:
    """Begin an operation and return its id."""
    return lambda *args, **kwargs: operation_service.simulate(*args, **kwargs).id


@pytest.fixture
def server(kernel: Kernel, operation_service: LocalService) -> Iterator[ScriptedServer]:
    """A service of operations that run until they are cancelled, which the kernel is connected to."""
    cancelled = set()

    def get(call: Call) -> Any:
        return message(call.id, done=True, error=(1, "stopped")) if call.id in cancelled else message(call.id)

    def cancel(call: Call) -> Any:
        cancelled.add(call.id)
        return message(call.id, error=(1, "stopping"))

    with ScriptedServer(get, cancel) as started:
        kernel.ok(f"%op connect {started.address}")
        kernel.ok("%op wait warm --timeout 0 --no-raise")  # all that is imported on first use
        yield started
        started.get = lambda call: message(call.id, done=True)  # for a cell that a failed test has left in its wait
        kernel.ok(f"%op connect {operation_service.address}")
