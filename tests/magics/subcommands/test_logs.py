"""%op logs in a shell that prints: what is shown, what goes into a file, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from IPython.core.error import UsageError

from ds_ops_magic import OperationsError, ServiceRefused
from tests.magics import Op
from tests.support.following import until
from tests.support.scripted_logs import Job, LogServer


@pytest.fixture
def job(run: Op, capsys: pytest.CaptureFixture[str]) -> Iterator[Job]:
    made = Job()
    with LogServer(made) as server:
        run(f"connect {server.address};")
        yield made


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_last_lines(job: Job, run: Op, capsys: pytest.CaptureFixture[str]) -> None:
    job.write(("stdout", b"".join(b"%d\n" % number for number in range(1000))), ("stderr", b"oh\n"), ("x.log", b"y\n"))
    job.end()
    assert run("logs op1") is None
    lines = printed(capsys)
    assert lines[0] == "801 lines not shown (%op logs op1 --to FILE has all)"
    assert lines[-2:] == ["[stderr] oh", "1,001 lines in all; the operation succeeded."]
    assert len(lines) == 202
    run("logs op1 --tail 2")
    assert printed(capsys)[1:-1] == ["999", "[stderr] oh"]
    run("logs op1 --stderr")
    assert printed(capsys) == ["oh", "1 line in all; the operation succeeded."]
    run("logs --file x.log")  # of the last one used
    assert printed(capsys) == ["y", "1 line in all; the operation succeeded."]


def test_of_a_job_that_runs(job: Job, run: Op, capsys: pytest.CaptureFixture[str]) -> None:
    run("logs op1")
    assert printed(capsys) == ["no lines so far; the operation goes on, and %op logs op1 -f follows it."]


def test_followed_into_a_file(job: Job, run: Op, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    job.write(("stdout", b"one\n"))

    def go_on() -> None:
        until(lambda: job.open)
        job.write(("stdout", b"two\nthr"))
        job.end(error=(9, "boom"))

    thread = threading.Thread(target=go_on)
    thread.start()
    run(f"logs op1 -f --to {tmp_path}/job.log")
    thread.join()
    lines = printed(capsys)
    assert lines == ["one", "two", "thr", "3 lines in all; the operation failed.", f"3 lines in {tmp_path}/job.log"]
    assert (tmp_path / "job.log").read_bytes() == b"one\ntwo\nthr"


def test_all_of_it_into_a_file(job: Job, run: Op, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for number in range(50):
        job.write(("stdout", b"".join(b"%d\n" % (number * 100 + line) for line in range(100))))
    job.end()
    run(f"logs op1 --to {tmp_path}/job.log")
    assert printed(capsys) == [f"5,000 lines in {tmp_path}/job.log"]
    assert (tmp_path / "job.log").read_text().split() == [str(number) for number in range(5000)]
    run(f"logs op1 --to {tmp_path}/job.log;")
    assert printed(capsys) == []


def test_a_log_that_is_not_there(job: Job, run: Op, capsys: pytest.CaptureFixture[str]) -> None:
    job.refusal = grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(ServiceRefused, match="op1: its service has no logs"):
        run("logs op1")
    job.job_id = ""
    with pytest.raises(OperationsError, match="op1 has no log: it names no DataSphere job"):
        run("logs op1 -f")
    assert printed(capsys) == []


def test_what_is_wrong_is_said(job: Job, run: Op, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name one operation, not 2 operations"):
        run("logs op1 op2")
    with pytest.raises(UsageError, match="'none' is no number of lines: give 1 to 10000"):
        run("logs op1 --tail none")
    with pytest.raises(UsageError, match="is a folder"):
        run(f"logs op1 --to {tmp_path}")
    assert job.reads == []
