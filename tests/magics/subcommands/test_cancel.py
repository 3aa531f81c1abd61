"""%op cancel in a shell of one's own: its answer, its wait, and what cannot be cancelled."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from IPython.core.error import UsageError

from ds_ops_magic import (
    CancelNotSupported,
    NotCancelled,
    OperationFailed,
    OperationNotFound,
    OperationsFailed,
    Status,
    WaitTimeout,
)
from tests.magics import Op
from tests.support.messages import job_response
from tests.support.project_jobs import ProjectJobs, executing, job
from tests.support.scripted import Call, ScriptedServer, message


def test_it_returns_the_answer_and_with_wait_the_end(op: Op, begin: Op, shell: Any) -> None:
    name = begin(30)
    assert op(f"cancel {name}").status_word == "cancelling"
    ended = op(f"cancel {name} --wait -o x")
    assert ended.status is Status.CANCELLED
    assert shell.user_ns["x"] is ended


def test_it_has_ended_already(op: Op, begin: Op, capsys: pytest.CaptureFixture[str]) -> None:
    name = begin(0)
    assert op(f"cancel {name}").status is Status.SUCCEEDED
    said = capsys.readouterr().out
    assert said.startswith(f"{name} finished ")
    assert said.endswith(" ago: succeeded\n")
    op(f"cancel {name};")
    assert capsys.readouterr().out == ""


def test_its_program_has_failed_already(run: Op, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.cancel = lambda call: message(call.id, done=True, response=job_response(137))
    assert run("cancel a").status is Status.FAILED
    assert capsys.readouterr().out.endswith(" ago: failed, exit code 137\n")


def test_it_cannot_be_cancelled(op: Op, begin: Op, shell: Any) -> None:
    shell.user_ns["x"] = "from before"
    stubborn, other = begin(30, outcome="no-cancel"), begin(30)
    with pytest.raises(CancelNotSupported) as caught:
        op(f"cancel {stubborn} -o x")
    assert str(caught.value).splitlines()[-1] == f"The operation goes on; to follow it: %op wait {stubborn}"
    assert shell.user_ns["x"] is None
    with pytest.raises(OperationsFailed):
        op(f"cancel {stubborn} {other} -o x")
    assert [found and found.id for found in shell.user_ns["x"]] == [None, other]


def test_wait_raises_when_it_succeeds_or_fails(shell: Any, run: Op) -> None:
    ends: dict[str, dict[str, Any]] = {
        "stopped": {"done": True, "error": (1, "stopped")},
        "went-through": {"done": True},
        "broke": {"done": True, "error": (13, "broken")},
        "exited": {"done": True, "response": job_response(1)},
    }

    def get(call: Any) -> Any:
        if call.id not in ends:
            call.refuse(grpc.StatusCode.NOT_FOUND, "never heard of it")
        return message(call.id, **ends[call.id] if call.number > 1 else {})

    with ScriptedServer(get, lambda call: message(call.id, error=(1, "asked to stop"))) as server:
        run(f"connect {server.address};")
        with pytest.raises(NotCancelled):
            run("cancel went-through --wait -o x")
        assert shell.user_ns["x"].status is Status.SUCCEEDED
        with pytest.raises(
            NotCancelled, match="exited was not cancelled: it had ended, and its program returned 1"
        ) as no:
            run("cancel exited --wait -o x")
        assert no.value.operation is shell.user_ns["x"]
        with pytest.raises(OperationFailed, match="broken"):
            run("cancel stopped broke --wait -o x")
        assert [found.status for found in shell.user_ns["x"]] == [Status.CANCELLED, Status.FAILED]
        with pytest.raises(OperationNotFound):
            run("cancel stopped forgotten --wait -o x")
        assert [found and found.status for found in shell.user_ns["x"]] == [Status.CANCELLED, None]


def test_a_job_that_stops_by_itself_was_cancelled_as_asked(run: Op) -> None:
    jobs = ProjectJobs()
    graceful = job("j1", graceful=True)

    def get(call: Call) -> Any:
        stopped = call.id == "a" and call.number > 3  # those before the cancel and after it, and one of the wait
        return executing(call.id, graceful, done=stopped or call.id == "b", response=job_response(0))

    with ScriptedServer(get, more=[jobs.add]) as server:
        run(f"connect {server.address};")
        assert run("cancel a --wait --reason 'too slow'").status is Status.SUCCEEDED
        assert [(one.job_id, one.reason, one.graceful) for one in jobs.cancels] == [("j1", "too slow", True)]
        with pytest.raises(NotCancelled):  # it had ended before
            run("cancel b --wait")
        run("cancel c --force")
        run("cancel c --graceful")
        assert [one.graceful for one in jobs.cancels[1:]] == [False, True]


def test_ways_to_cancel_that_do_not_go_together(op: Op) -> None:
    with pytest.raises(UsageError, match="not allowed with argument"):
        op("cancel a --force --graceful")


def test_a_timeout_without_wait_is_refused(op: Op) -> None:
    with pytest.raises(UsageError, match="--timeout is about waiting for the end: give --wait too"):
        op("cancel a --timeout 5")


def test_wait_and_its_timeout(run: Op, scripted: ScriptedServer, shell: Any) -> None:
    scripted.get = scripted.cancel = lambda call: message(call.id, error=(1, "asked to stop"))
    with pytest.raises(WaitTimeout):
        run("cancel a --wait --timeout 0.2 -o x")
    assert shell.user_ns["x"].status_word == "cancelling"
