"""--notify and on_end: the user's functions are called once with the outcome of a wait."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from IPython.core.error import UsageError
from traitlets import TraitError

from ds_ops_magic import OperationFailed, Operations, Status, WaitTimeout
from tests.magics import Op
from tests.support.kernels import wait_until
from tests.support.threadless import Threadless


@pytest.fixture
def outcomes(shell: Any) -> list[Any]:
    """What the function `tell` of the user was called with, and where."""
    calls: list[Any] = []
    shell.user_ns["tell"] = calls.append
    shell.user_ns["tell_thread"] = lambda outcome: calls.append(threading.current_thread().name)
    return calls


def test_it_is_called_once_with_the_outcome_on_the_users_thread(op: Op, begin: Op, outcomes: list[Any]) -> None:
    ended = op(f"wait {begin(0)} --notify tell")
    assert outcomes == [ended]
    op(f"wait {begin(0)} {begin(0)} --notify {{tell}}")
    assert isinstance(outcomes[1], Operations)
    op(f"wait {begin(0)} --notify tell_thread")
    assert outcomes[2:] == [threading.current_thread().name]


def test_it_is_called_after_a_failure_and_a_timeout(op: Op, begin: Op, outcomes: list[Any]) -> None:
    with pytest.raises(OperationFailed):
        op(f"wait {begin(0, outcome='failure')} --notify tell")
    with pytest.raises(WaitTimeout):
        op(f"wait {begin(30)} --timeout 0.1 --notify tell")
    assert [outcome.status for outcome in outcomes] == [Status.FAILED, Status.RUNNING]


def test_on_end_is_called_after_every_wait(op: Op, begin: Op, shell: Any, outcomes: list[Any]) -> None:
    shell.run_line_magic("config", "OpMagics.on_end = tell")
    first, second = begin(0), begin(0)
    op(f"wait {first}")
    op(f"wait {second} --notify tell")
    assert [outcome.id for outcome in outcomes] == [first, second]  # once, though it was named twice
    third = begin(60)
    op(f"cancel {third} --wait")
    assert [(outcome.id, outcome.status) for outcome in outcomes[2:]] == [(third, Status.CANCELLED)]
    shell.run_line_magic("config", "OpMagics.on_end = None")
    op(f"wait {first}")
    assert len(outcomes) == 3


def test_a_coroutine_function_is_refused_before_the_wait(op: Op, begin: Op, shell: Any) -> None:
    class Sender:
        async def __call__(self, outcome: object) -> None: ...

    shell.user_ns["sender"] = Sender()
    shell.run_cell("async def send(outcome): ...").raise_error()
    for name in ("send", "sender"):
        with pytest.raises(UsageError, match=f"--notify {name} is a coroutine function, which nobody would await"):
            op(f"wait {begin(60)} --notify {name}")
        with pytest.raises(TraitError, match="on_end is a plain function"):
            shell.magics_manager.registry["OpMagics"].on_end = shell.user_ns[name]


def test_a_function_that_fails_breaks_nothing(
    op: Op, begin: Op, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def post(outcome: Any) -> None:
        raise OSError("\x1b[31mno network")

    shell.user_ns["post"] = post
    assert op(f"wait {begin(0)} --notify post").done
    said = capsys.readouterr().err
    assert said == "%op: post failed to take the outcome: OSError: \ufffd[31mno network\n"


def test_a_watch_calls_when_it_is_over_and_not_when_stopped(op: Op, begin: Op, outcomes: list[Any]) -> None:
    op(f"watch {begin(30)} --notify tell").stop()
    name = begin(0.1)
    op(f"watch {name} --notify tell")
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "ds_ops_magic notify"])
    assert [(outcome.id, outcome.done) for outcome in outcomes] == [(name, True)]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nobody", "--notify nobody cannot be evaluated: NameError"),
        ("{1/0}", "cannot be evaluated: ZeroDivisionError"),
        ("{3}", "cannot be called"),
    ],
)
def test_no_function_is_found_before_anything_runs(shell: Any, named: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        shell.run_cell_magic("op", f"wait --notify {named}", "started = 1\n'anything'")
    assert "started" not in shell.user_ns


def test_no_thread_can_be_started(
    op: Op, begin: Op, outcomes: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Threadless(monkeypatch, "ds_ops_magic notify")
    watch = op(f"watch {begin(0.1)} --notify tell")
    assert watch.wait(20).succeeded
    assert outcomes == []
    said = capsys.readouterr().err
    assert said.startswith("%op: nobody will be told how this ends: No thread can be started here")
    assert said.count("\n") == 1
