"""Waiting with a display: whatever interrupts it, it ends as a WaitInterrupted, with nothing asked or live any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ds_ops_magic import LocalService, WaitInterrupted, Watch, connect
from ds_ops_magic.display import frontend
from ds_ops_magic.display.text_display import Display
from ds_ops_magic.magics.wait import wait_and_show


class PressedTwice(Display):
    """A display that is interrupted in the middle of its wait, and again while its result is drawn."""

    finished = 0

    def tick(self) -> None:
        raise KeyboardInterrupt

    def finish(self) -> None:
        self.finished += 1
        if self.finished == 1:
            raise KeyboardInterrupt


@pytest.fixture
def watch(operation_service: LocalService) -> Iterator[Watch]:
    with connect(operation_service.address) as client:
        yield client.watch(operation_service.simulate(600).id)


@pytest.mark.parametrize("drawn", [False, True])
def test_stop_before_or_after_the_wait(watch: Watch, shell: Any, monkeypatch: pytest.MonkeyPatch, drawn: bool) -> None:
    display = PressedTwice(watch)
    monkeypatch.setattr(frontend, "display_for", lambda *_: display if drawn else display.tick())
    with pytest.raises(WaitInterrupted, match=f"the operation goes on.\nTo go on waiting: %op wait {watch.ids[0]}"):
        wait_and_show(watch, shell, "none")
    assert display.finished == (2 if drawn else 0)
    assert watch.view().stopped


def test_a_tick_of_a_subcommand(operation_service: LocalService, shell: Any) -> None:
    ticked = threading.Event()
    with connect(operation_service.address) as client:
        watch = client.watch(operation_service.submit(ticked.wait, 20).id)  # ends with the first tick
        wait_and_show(watch, shell, "none", tick=ticked.set)
    assert ticked.is_set()
    assert watch.operations[0].result().bool_value  # not given up after 20 s


def test_an_error_of_a_tick_ends_the_wait(watch: Watch, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        wait_and_show(watch, shell, "text", tick=lambda: 1 / 0)
    assert watch.view().stopped
    assert capsys.readouterr().out.startswith("●")


@pytest.mark.parametrize("broken", ["tick", "finish"])
def test_an_error_of_the_panel_does_not_end_the_wait(
    operation_service: LocalService,
    shell: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    broken: str,
) -> None:
    def fail(_: Display) -> None:
        raise ModuleNotFoundError("No module named 'ipython_genutils'")

    display_for = frontend.display_for
    display = type("Broken", (Display,), {broken: fail})
    monkeypatch.setattr(
        frontend, "display_for", lambda *how: display_for(*how) if how[2] == "text" else display(how[0])
    )
    with connect(operation_service.address) as client:
        wait_and_show(client.watch(operation_service.simulate(0.3).id), shell, "widget")
    printed = capsys.readouterr()
    assert printed.out.startswith("✓ succeeded")
    assert printed.err == (
        "The panel cannot be shown, the wait goes on: ModuleNotFoundError: No module named 'ipython_genutils'\n"
    )
