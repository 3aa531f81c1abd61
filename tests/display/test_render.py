"""Panels as HTML and text: hostile text, and sizes."""

from __future__ import annotations

import functools
import html
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import QuotaFailure

from ds_ops_magic.display import render
from ds_ops_magic.display.panel import MAX_STATIC_ROWS
from ds_ops_magic.display.status_style import CSS_COLORS, STATUS_STYLES
from ds_ops_magic.model.operation import Operation
from tests.support.hostile import STRINGS
from tests.support.markup import check_markup
from tests.support.messages import job_response, packed
from tests.support.panels import panel, snapshot

DRAWINGS = [render.html, *(functools.partial(render.part, name) for name in ("head", "live", "ended", "foot"))]


@pytest.mark.parametrize("text", STRINGS)
def test_hostile_text(text):
    operation = snapshot("op1", done=True, code=8, message=text, description=text, created_by=text)
    lossy = [snapshot(f"c{code}", done=True, response=job_response(code, **{text: text})) for code in (0, 137)]
    shown = panel(operation, snapshot(text[:50], description=text), snapshot("b", done=True, name=text), *lossy)
    assert sum(bool(row.warning) for row in shown.rows) == 2
    for draw in DRAWINGS:
        assert check_markup(draw(shown)).links <= {"https://datasphere.yandex.cloud/communities/c1/projects/p1"}
    assert not set(render.text(shown)) & set("\x00\x07\x1b\u202e\t")


def test_html_of_every_status():
    shown = panel(
        snapshot("a", percent=40, description="Tune a model"),
        snapshot("b", code=13, message="an instance is lost"),
        snapshot("c", done=True, code=8, message="no room"),
        snapshot("d", done=True, code=1),
        snapshot("e", done=True),
        snapshot("f", done=True, response=job_response(137, model="not found", log="too big")),
    )
    for draw in DRAWINGS:
        check_markup(draw(shown))
    written = html.unescape(render.html(shown))
    for word in ("running", "failing", "failed", "cancelled", "succeeded", "Tune a model", "an instance is lost"):
        assert word in written
    for fact in ("RESOURCE_EXHAUSTED: no room", "reason QUOTA", "2026-03-04 11:57:50 UTC", "nlp-demo"):
        assert fact in written
        assert fact in render.text(shown)
    killed = "exit code 137: killed (SIGKILL), mostly because it ran out of memory"
    for fact in (killed, "2 output files were not kept: model (not found), log (too big)"):
        for drawn in (written, html.unescape(render.part("ended", shown)), render.text(shown)):
            assert fact in drawn


def test_names_of_types():
    strange = AnyMessage(type_url="x/$a.b$<i>")
    shown = panel(snapshot("a", done=True), snapshot("b", metadata=strange))
    written = render.html(shown)
    assert "yandex.<wbr>cloud.<wbr>datasphere.<wbr>v2.<wbr>Project" in written
    assert "kind <span>$</span>a.<wbr>b<span>$</span>&lt;i&gt;" in written
    assert "yandex.cloud.datasphere.v2.Project" in render.text(shown)


def test_each_color_is_in_the_style_sheet():
    css = render.part("style")
    for style in STATUS_STYLES.values():
        assert f".{style.css_class} {{ color: {CSS_COLORS[style.css_class]}; }}" in css


def test_bars():
    known = render.part("live", panel(snapshot(percent=40)))
    assert 'aria-valuenow="40"' in known
    assert "width:40.0%" in known
    unknown = render.part("live", panel(snapshot()))
    assert "aria-valuenow" not in unknown


def test_one_line():
    assert render.line(panel(snapshot("a", percent=40, description="Tune"))).startswith(
        "● running · Tune · a · 40% · step 40 of 100 · 2 min 10 s"
    )
    lossy = snapshot("a", done=True, description="Tune", response=job_response(1, log="too big"))
    assert render.line(panel(lossy)) == (
        "✕ failed · Tune · a · after 2 min 10 s · exit code 1 · 1 output file was not kept: log (too big)"
    )
    assert render.line(panel(snapshot("a"), snapshot("b", done=True))) == "2 operations · 1 running · 1 succeeded"


@pytest.mark.parametrize("character", "aя漢😀&$.\\")
def test_the_limits_are_of_bytes(character: str) -> None:
    def full(number: int, **how: Any) -> Operation:
        words = character * 2_000
        metadata = AnyMessage(type_url=f"x/{words}")
        made = snapshot(f"{number}{character * 48}", description=words, created_by=words, metadata=metadata, **how)
        filled = made.to_proto()
        detail = QuotaFailure(violations=[QuotaFailure.Violation(subject=words, description=words)] * 4)
        if filled.HasField("error"):
            filled.error.details.extend([packed(detail)] * 5)
        return Operation(filled)

    words = character * 2_000
    odd = full(0, done=True)
    unknown = odd.to_proto()
    unknown.response.type_url = f"x/{character * 100_000}"
    lossy = snapshot(done=True, description=words, response=job_response(137, **{f"{words}{n}": words for n in "abc"}))
    failed = [full(number, done=True, code=8, message=character * 2_000) for number in range(MAX_STATIC_ROWS)]
    named = full(0, done=True, name=character * 10_000)
    for one in (odd, named, lossy, Operation(unknown), failed[0]):
        assert len(render.html(panel(one)).encode()) <= 10_000
    for many in (failed, [named] * MAX_STATIC_ROWS):
        written = render.html(panel(*many, max_rows=MAX_STATIC_ROWS))
        assert len(written.encode()) <= render.MAX_BYTES
        check_markup(written)
        assert written.count("<tr>") > 8


def test_full_fields_are_not_cut() -> None:
    for character in "aя漢":
        [row] = panel(snapshot(description=character * 256, done=True, code=8, message=character * 300)).rows
        assert character * 256 in render.html(panel(snapshot(description=character * 256)))
        assert row.error in render.html(panel(snapshot(done=True, code=8, message=character * 300)))
