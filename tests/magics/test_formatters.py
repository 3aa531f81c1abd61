"""How operations look as the result of a cell."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ops_magic import Operation, Operations, connect
from ds_ops_magic.magics import formatters
from tests.support.scripted import ScriptedServer, message

PANEL_MIMES = {"text/html", "text/plain"}


def shown(shell: Any, value: Any) -> dict[str, str]:
    data, _ = shell.display_formatter.format(value)
    return dict(data)


@pytest.fixture
def operation() -> Operation:
    return Operation.from_proto(message("loc1", done=True, description="Train a <b>model</b>"))


def test_an_operation_is_a_panel(shell: Any, operation: Operation) -> None:
    data = shown(shell, operation)
    assert set(data) == PANEL_MIMES
    assert "<table>" in data["text/html"]
    assert "Train a &lt;b&gt;model&lt;/b&gt;" in data["text/html"]
    assert data["text/plain"].startswith("✓ succeeded  Train a <b>model</b> · loc1")
    assert "■" not in data["text/plain"]  # nobody waits: there is nothing to stop
    # A list is not ours to draw: many lines for each of its members would not be read by anyone.
    assert "\n" not in shown(shell, [operation])["text/plain"]


def test_operations_are_one_panel(shell: Any, operation: Operation) -> None:
    data = shown(shell, Operations([operation, Operation.from_proto(message("loc2")), None]))
    assert set(data) == PANEL_MIMES
    assert data["text/plain"].startswith("2 operations: 1 running · 1 succeeded")
    assert data["text/html"].count("<code>") == 2
    assert shown(shell, Operations())["text/plain"].startswith("0 operations")


def test_a_watch_is_a_panel(shell: Any) -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, connect(server.address) as client:
        watch = client.watch("loc1", "loc2")
        data = shown(shell, watch)
        watch.stop()
    assert set(data) == PANEL_MIMES
    assert data["text/plain"].startswith("2 operations: 2 running")


def test_nothing_else_is_touched(shell: Any, operation: Operation) -> None:
    formatters.unregister(shell)
    before = {mime: dict(one.type_printers) for mime, one in shell.display_formatter.formatters.items()}
    formatters.register(shell, lambda value: False, lambda watch: False)
    shown(shell, operation)
    shown(shell, Operations([operation]))
    formatters.unregister(shell)
    for mime, one in shell.display_formatter.formatters.items():
        assert dict(one.type_printers) == before[mime]
        assert not [key for key in one.deferred_printers if "ds_ops_magic" in key[0]]
    display = shell.display_formatter.ipython_display_formatter
    assert not [key for key in display.deferred_printers if "ds_ops_magic" in key[0]]
    assert not [kind for kind in display.type_printers if kind.__module__.startswith("ds_ops_magic")]

    assert shown(shell, operation) == {"text/plain": "Operation('loc1', succeeded, 'Train a <b>model</b>')"}
    formatters.unregister(shell)  # twice is no error
