"""What a hostile server says reaches neither a terminal raw nor a page unescaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.support.hostile import IDS, STRINGS, serve
from tests.support.markup import check_markup
from tests.support.scripted import Call, ScriptedServer

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Cell, Kernel

# Controls and escapes, line separators, zero-width characters, directions (UAX #9): all but the line break.
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def check_text(text: str) -> None:
    assert not RAW.search(text), RAW.search(text)


def check_html(html: str) -> None:
    check_text(html)
    check_markup(html)


def check(cell: Cell) -> int:
    """Check everything a cell has put out; returns the number of characters."""
    texts = [cell.stdout, cell.stderr, *("\n".join(one["traceback"]) for one in cell.contents("error"))]
    texts += [one["evalue"] for one in cell.contents("error")]
    pages = []
    for kind in ("display_data", "execute_result", "update_display_data"):
        texts += [content["data"].get("text/plain", "") for content in cell.contents(kind)]
        pages += [content["data"].get("text/html", "") for content in cell.contents(kind)]
    for kind in ("comm_open", "comm_msg"):
        for content in cell.contents(kind):
            state = content["data"].get("state", {})
            pages += [state["value"]] if "HTML" in str(state.get("_model_name", "HTML")) and "value" in state else []
            texts += [str(state[name]) for name in ("description", "tooltip") if state.get(name)]
    for text in texts:
        check_text(text)
    for page in pages:
        check_html(page)
    return sum(map(len, [*texts, *pages]))


@pytest.fixture
def hostile(kernel: Kernel, operation_service: LocalService, request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """The kernel, connected to a server that says one of the strings in every field of each operation."""
    running = getattr(request, "param", 1)
    with serve(lambda call: call.number > running) as server:
        kernel.ok(f"%op connect {server.address}")
        kernel.ok(f"ids = {IDS!r}\nhalves = ids[:33], ids[33:]")
        yield kernel
        kernel.ok(f"%op connect {operation_service.address}")


@pytest.mark.parametrize(("mode", "page"), [("auto", False), ("auto", True), ("html", True), ("text", False)])
def test_panels(hostile: Kernel, mode: str, page: bool) -> None:
    hostile.ok(f"%config OpMagics.display = '{mode}'")
    for half in (0, 1):
        cell = hostile.ok(f"%op wait {{halves[{half}]}} --no-raise", page=page)
        assert check(cell) > 5_000


@pytest.mark.parametrize("hostile", [0], indirect=True)
def test_errors_and_results_of_each(hostile: Kernel) -> None:
    for number, name in enumerate(IDS):
        cell = hostile.run(f"x = %op wait {name};\nprint(x)\n[x]")
        assert check(cell) > 50
        assert cell.status == ("error" if number % 2 == 0 else "ok")
        if cell.status == "error":
            assert cell.error["ename"] == "OperationFailed"
            assert len("\n".join(cell.error["traceback"]).splitlines()) <= 3
    assert check(hostile.run("%op wait ids")) > 5_000
    assert check(hostile.run("%tb")) > 100


def test_snapshots(hostile: Kernel) -> None:
    for code in ("%op get {halves[0]}", "%op get {halves[1]}", "[*_]", "print(*_)", "w = %op watch ids\nw"):
        assert check(hostile.ok(code)) > 500, code
    hostile.ok("w.stop()")


def test_ten_megabytes_of_description(hostile: Kernel) -> None:
    cell = hostile.ok("%op wait huge", page=True)
    assert check(cell) < 20_000


@pytest.fixture
def refusing(kernel: Kernel, operation_service: LocalService) -> Iterator[Kernel]:
    """The kernel, connected to a server that refuses each Get and Cancel with one of the strings."""
    codes = [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNIMPLEMENTED]

    def refuse(call: Call) -> Any:
        if not call.id:
            call.refuse(grpc.StatusCode.INVALID_ARGUMENT, "no id")
        number = IDS.index(call.id)
        call.refuse(codes[number % 3], STRINGS[number].replace("\x00", "")[:500])

    with ScriptedServer(refuse, refuse) as server:
        kernel.ok(f"%op connect {server.address}")
        yield kernel
        kernel.ok(f"%op connect {operation_service.address}")


def test_refusals(refusing: Kernel) -> None:
    for name in IDS:
        for subcommand in ("get", "cancel", "wait"):
            cell = refusing.run(f"%op {subcommand} {name}")
            assert cell.status == "error"
            assert check(cell) > 50
            assert len("\n".join(cell.error["traceback"]).splitlines()) <= 3


def test_ids_that_a_user_was_given(kernel: Kernel) -> None:
    for text in STRINGS:
        cell = kernel.run(f"%op get {{[{text[:50]!r}]}}")
        assert cell.status == "error"
        assert check(cell) > 50
