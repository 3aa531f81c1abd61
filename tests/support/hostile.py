"""Strings a hostile server may send, and a real server that sends them in every field it can set."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, Help, LocalizedMessage, QuotaFailure
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.operation.operation_pb2 import Operation

from tests.support.messages import job_response, packed
from tests.support.scripted import Call, ScriptedServer, message

_RUN = "window.pwned=1"
STRINGS = [
    f"<script>{_RUN}</script>",
    f"</script><script>{_RUN}</script>",
    f"<SCRIPT SRC=data:text/javascript,{_RUN}></SCRIPT>",
    f"<img src=x onerror={_RUN}>",
    f'"><img src=x onerror="{_RUN}">',
    f"'><img src=x onerror='{_RUN}'>",
    f"<svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    f"<math><mi xlink:href='javascript:{_RUN}'>x",
    f"<body onload={_RUN}>",
    f"<iframe src='javascript:{_RUN}'></iframe>",
    f"<iframe srcdoc='<script>parent.{_RUN}</script>'>",
    f"<object data='javascript:{_RUN}'></object>",
    f"<embed src='javascript:{_RUN}'>",
    f"<a href='javascript:{_RUN}'>click</a>",
    f"javascript:{_RUN}",
    f"<details open ontoggle={_RUN}>",
    f"<video><source onerror={_RUN}>",
    f"<input autofocus onfocus={_RUN}>",
    f"<style>@import 'javascript:{_RUN}'; * {{ display: none !important }}</style>",
    "<style>.dsops-row { height: 4000px !important }</style>",
    "<link rel=stylesheet href=data:text/css,*{display:none}>",
    "<meta http-equiv=refresh content='0;url=about:blank'>",
    "<base href='https://example.invalid/'>",
    f"<form action='javascript:{_RUN}'><button>go</button></form>",
    "</div></div></table></body></html>",
    "<table><tr><td>",
    "<!-- ",
    "<![CDATA[ ",
    "--><b>out</b>",
    f"' onmouseover='{_RUN}",
    f'" onmouseover="{_RUN}',
    f"` onmouseover=`{_RUN}",
    f"&lt;script&gt;{_RUN}&lt;/script&gt;",
    f"&#60;script&#62;{_RUN}&#60;/script&#62;",
    f"\\u003cscript\\u003e{_RUN}\\u003c/script\\u003e",
    "{{ 7 * 7 }}",
    "{% for x in range(9999999) %}x{% endfor %}",
    "{{ ''.__class__.__mro__ }}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "%s %d %n {0} {id} {}",
    "[red]rich markup[/red] [link=https://example.invalid]x[/link]",
    "**md** [x](javascript:alert(1)) ![x](x)",
    "$\\href{javascript:window.pwned=1}{x}$",
    "\x1b[31mred\x1b[0m",
    "\x1b[2J\x1b[H",
    "\x1b[10A\x1b[2K",
    "\x1b]0;title\x07",
    "\x1b]8;;https://example.invalid\x07link\x1b]8;;\x07",
    "\x9b31mC1",
    "a\rb\x08\x08c",
    "line\nbreak\n\n\nbreak",
    "tab\tand\x0bvertical\x0c",
    "\u202egnp.exe\u202c",
    "\u2066isolate\u2069 \u200fmark",
    "NUL\x00inside",
    "zero\u200bwidth\ufeff",
    "\u2028separator\u2029",
    "Z\u0351\u036b\u0343" * 80,
    "w" * 5000,
    "\U0001f4a5" * 300,
]
HUGE = "x" * 10_000_000
IDS = [f"hostile{number}" for number in range(len(STRINGS))]


def operation(number: int, *, done: bool) -> Operation:
    """Build an operation whose every text is one of the strings: failing or, at the end, failed or succeeded."""
    text = STRINGS[number]
    failed = number % 2 == 0
    made = message(IDS[number], done=done, error=(8, text) if failed else None, description=text)
    made.created_by = text
    metadata = ExecuteProjectJobMetadata()
    metadata.progress.progress = 40
    metadata.progress.message = text
    made.metadata.Pack(metadata)
    if failed:
        made.error.CopyFrom(Status(code=8, message=text, details=[packed(detail) for detail in _details(text)]))
        made.error.details.append(AnyMessage(type_url=f"x/{text}", value=b"?"))
    elif done and number % 4 == 1:
        made.response.Pack(job_response(0, **{text: text, f"{text}2": text}))
    elif done:
        made.response.Pack(Project(id=text, name=text, community_id=text, description=text, labels={text[:60]: text}))
    return made


def serve(is_over: Callable[[Call], bool] = lambda call: call.number > 3) -> ScriptedServer:
    """Start a server that knows `IDS`, and ``huge``, whose description is."""

    def get(call: Call) -> Operation:
        if call.id == "huge":
            return message("huge", done=is_over(call), description=HUGE)
        if call.id not in IDS:
            call.refuse(grpc.StatusCode.NOT_FOUND, "no such operation")
        return operation(IDS.index(call.id), done=is_over(call))

    return ScriptedServer(get)


def _details(text: str) -> list[object]:
    quota = QuotaFailure(violations=[QuotaFailure.Violation(subject=text, description=text)])
    bad = BadRequest(field_violations=[BadRequest.FieldViolation(field=text, description=text)])
    links = Help(links=[Help.Link(description=text, url=f"javascript:{text}")])
    return [quota, bad, ErrorInfo(reason=text, domain=text), LocalizedMessage(message=text), links]
