"""Jobs whose program failed, in cells: what is raised, shown, listed and told agrees."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ops_magic import ProgramFailed, Status
from tests.magics import Op
from tests.support.messages import job_response
from tests.support.scripted import Call, ScriptedServer, message

KILLED = "exit code 137: killed (SIGKILL), mostly because it ran out of memory"
LOST = "1 output file was not kept: <b>a</b> (not found)"


@pytest.fixture
def run_on_jobs(run: Op, scripted: ScriptedServer) -> Op:
    """The line magic, connected to a service of jobs that end with the code that is their id."""

    def ended(call: Call) -> Any:
        response = job_response(int(call.id), **{"<b>a</b>": "not found"})
        return message(call.id, done=True, description="Train", response=response)

    scripted.get = ended
    return run


def shown(shell: Any, value: Any) -> dict[str, str]:
    found: dict[str, str] = shell.display_formatter.format(value)[0]
    return found


def test_a_wait(run_on_jobs: Op, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Any] = []
    shell.user_ns["tell"] = told.append
    with pytest.raises(ProgramFailed) as caught:
        run_on_jobs("wait 137 --notify tell -o x")
    assert caught.value.return_code == 137
    assert told == [shell.user_ns["x"]]
    assert told[0].status is Status.FAILED
    said = capsys.readouterr().out
    assert "✕ failed  Train · 137 · after " in said
    assert KILLED in said
    assert LOST in said


def test_a_wait_for_several(run_on_jobs: Op, capsys: pytest.CaptureFixture[str]) -> None:
    operations = run_on_jobs("wait 0 1 137 --no-raise")
    assert [found.id for found in operations.succeeded] == ["0"]
    assert [found.id for found in operations.failed] == ["1", "137"]
    assert capsys.readouterr().out.startswith("3 operations: 2 failed · 1 succeeded\n")


def test_it_is_shown_as_a_result(run_on_jobs: Op, shell: Any) -> None:
    bundle = shown(shell, run_on_jobs("get 137"))
    assert KILLED in bundle["text/plain"]
    assert LOST in bundle["text/plain"]
    assert "return_code" in bundle["text/plain"]  # the response, as before
    assert f"<b>{KILLED}</b>" in bundle["text/html"]
    assert "1 output file was not kept: &lt;b&gt;a&lt;/b&gt; (not found)" in bundle["text/html"]
    succeeded = shown(shell, run_on_jobs("get 0"))
    assert "✓ succeeded" in succeeded["text/plain"]
    assert LOST in succeeded["text/plain"]


def test_it_is_listed(run_on_jobs: Op, shell: Any) -> None:
    run_on_jobs("get 0 1 137")
    listing = run_on_jobs("list")
    assert {record.id: (record.state, record.error) for record in listing} == {
        "0": ("succeeded", ""),
        "1": ("failed", "exit code 1"),
        "137": ("failed", "exit code 137"),
    }
    assert "error exit code 137" in shown(shell, listing)["text/plain"]
