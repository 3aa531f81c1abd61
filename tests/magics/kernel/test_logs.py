"""%op logs in a real kernel: one block that is updated in a page, plain lines where nobody looks, and Stop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.magics.test_hostile import check
from tests.support.hostile import STRINGS
from tests.support.scripted_logs import Job, LogServer, what_is_there

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Cell, Kernel


@pytest.fixture
def job(kernel: Kernel, operation_service: LocalService) -> Iterator[Job]:
    """A job, to whose server the kernel is connected."""
    made = Job()
    with LogServer(made) as server:
        kernel.ok(f"%op connect {server.address}")
        yield made
        made.end()
        kernel.ok(f"%op connect {operation_service.address}")


def blocks(cell: Cell) -> list[str]:
    kinds = ("display_data", "update_display_data")
    return [one["content"]["data"]["text/plain"] for one in cell.messages if one["msg_type"] in kinds]


def test_one_block_in_a_page(kernel: Kernel, job: Job) -> None:
    job.write(("stdout", b"one\n"))
    request = kernel.send("%op logs op1 -f", page=True)
    kernel.until(lambda: any(message["msg_type"] == "display_data" for message in kernel.of(request)))
    job.write(("stdout", b"two\n"))
    kernel.until(lambda: any(message["msg_type"] == "update_display_data" for message in kernel.of(request)))
    job.write(("stderr", b"three\n"))
    job.end()
    cell = kernel.cell(request)
    assert cell.kinds.count("display_data") == 1
    assert blocks(cell)[0] == "one"
    assert blocks(cell)[-1] == "one\ntwo\n[stderr] three\n3 lines in all; the operation succeeded."
    assert cell.stdout == cell.stderr == ""


def test_a_chatty_job_is_few_messages(kernel: Kernel, job: Job) -> None:
    request = kernel.send("%op logs op1 -f", page=True)
    start = time.monotonic()
    for number in range(30):
        job.write(("stdout", b"".join(b"%d a line of the log\n" % (number * 1000 + line) for line in range(1000))))
        time.sleep(0.05)
    job.end()
    cell = kernel.cell(request)
    took = time.monotonic() - start
    assert len(blocks(cell)) <= took * 4 + 2
    assert sum(map(len, blocks(cell))) < took * 1_000_000
    last = blocks(cell)[-1].splitlines()
    assert last[0] == "29,800 earlier lines not shown (%op logs op1 --to FILE has all)"
    assert last[-2:] == ["29999 a line of the log", "30,000 lines in all; the operation succeeded."]


@pytest.mark.parametrize("ends_often", [False, True])
def test_a_line_is_shown_within_a_second(kernel: Kernel, job: Job, ends_often: bool) -> None:
    if ends_often:
        job.stream = what_is_there
    request = kernel.send("%op logs op1 -f", page=True)
    kernel.until(lambda: job.reads)
    delays = []
    for number in range(9):
        job.write(("stdout", b"line %d\n" % number))
        start = time.monotonic()
        kernel.until(lambda number=number: any(f"line {number}" in str(one["content"]) for one in kernel.of(request)))
        delays.append(time.monotonic() - start)
        time.sleep(0.1 + 0.07 * number)
    job.end()
    kernel.cell(request)
    assert statistics.median(delays) <= 1.0


def test_plain_lines_where_nobody_looks(kernel: Kernel, job: Job) -> None:
    request = kernel.send("%op logs op1 -f")
    job.write(("stdout", b"one\n"))
    kernel.until(lambda: any(message["msg_type"] == "stream" for message in kernel.of(request)))
    job.write(("stdout", b"two\n"))
    job.end()
    cell = kernel.cell(request)
    assert cell.stdout == "one\ntwo\n2 lines in all; the operation succeeded.\n"
    assert "update_display_data" not in cell.kinds


def test_stop(kernel: Kernel, job: Job) -> None:
    job.write(("stdout", b"one\n"))
    request = kernel.send("%op logs op1 -f", page=True)
    kernel.until(lambda: any(message["msg_type"] == "display_data" for message in kernel.of(request)))
    start = time.monotonic()
    kernel.interrupt()
    cell = kernel.cell(request)
    assert time.monotonic() - start < 2.0
    assert cell.brief("WaitInterrupted")[-1] == "To go on reading: %op logs op1 -f"
    assert blocks(cell)[-1] == "one"
    kernel.until(lambda: job.open == 0)


def test_hostile_lines(kernel: Kernel, job: Job) -> None:
    for text in STRINGS:
        job.write(("stdout", f"{text}\n".encode()), (text, b"x\n"), ("stderr", text.encode()))
    job.write(("stdout", b"<" * 1_000_000))
    job.end(error=(9, "boom"))
    assert check(kernel.ok("%op logs op1 --tail 500", page=True)) < 200_000
    assert check(kernel.run("%op wait op1", page=True)) < 200_000


def test_a_failure_is_saved_with_the_end_of_its_stderr(kernel: Kernel, job: Job) -> None:
    job.write(("stderr", b"".join(b"line %d\n" % number for number in range(50))))
    job.end(error=(9, "boom"))
    cell = kernel.run("%op wait op1")
    (shown,) = cell.displays
    assert "    | line 30\n" in shown["text/plain"]
    assert "line 29" not in shown["text/plain"]
    assert "the end of stderr" in shown["text/html"]
    kernel.ok("%config OpMagics.log_lines = 0")
    try:
        assert "line 49" not in str(kernel.run("%op wait op1").displays)
    finally:
        kernel.ok("%config OpMagics.log_lines = 20")


def test_a_watch_in_the_background_has_it_too(kernel: Kernel, job: Job) -> None:
    request = kernel.send("%config OpMagics.display = 'html'\nw = %op watch op1", page=True)
    kernel.cell(request)
    job.write(("stderr", b"Killed\n"))
    job.end(error=(9, "boom"))
    updated = "update_display_data"
    kernel.until(
        lambda: any("| Killed" in str(one["content"]) for one in kernel.messages if one["msg_type"] == updated)
    )
