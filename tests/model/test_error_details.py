"""Error details of google.rpc read as sentences, and nothing in them gets out of its line."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (
    BadRequest,
    DebugInfo,
    ErrorInfo,
    Help,
    LocalizedMessage,
    PreconditionFailure,
    QuotaFailure,
    RequestInfo,
    ResourceInfo,
    RetryInfo,
)

from ds_ops_magic.model.error_details import describe
from ds_ops_magic.model.outcome_errors import operation_failed
from ds_ops_magic.model.payload import Payload, UnknownPayload, to_line
from tests.support.sample_errors import HOSTILE, failed

Violation = BadRequest.FieldViolation
Exceeded = QuotaFailure.Violation
Unmet = PreconditionFailure.Violation


def retry(seconds: int, nanos: int = 0) -> RetryInfo:
    return RetryInfo(retry_delay=Duration(seconds=seconds, nanos=nanos))


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (BadRequest(field_violations=[Violation(field="size", description="too big")]), "size: too big"),
        (BadRequest(field_violations=[Violation(field="a"), Violation(description="b")]), "a; b"),
        (BadRequest(field_violations=[Violation(field=name) for name in "abcde"]), "a; b; c; and 2 more"),
        (
            QuotaFailure(violations=[Exceeded(subject="disks", description="at most 9")]),
            "quota exceeded: disks: at most 9",
        ),
        (QuotaFailure(), "quota exceeded"),
        (retry(30), "try again in 30 s"),
        (retry(0, 500_000_000), "try again in 0.5 s"),
        (retry(0), "it can be tried again at once"),
        (retry(-5), "it can be tried again at once"),
        (ErrorInfo(reason="STOCKOUT", domain="compute", metadata={"zone": "a"}), "reason STOCKOUT of compute (zone a)"),
        (ErrorInfo(domain="compute"), "compute"),
        (ErrorInfo(metadata=dict.fromkeys("edcba", "1")), "a 1, b 1, c 1, and 2 more"),
        (Help(links=[Help.Link(description="Quotas", url="https://x/y")]), "see Quotas: https://x/y"),
        (LocalizedMessage(locale="ru", message="Квота исчерпана"), "Квота исчерпана"),
        (RequestInfo(request_id="r1", serving_data="secret"), "request id r1, for the support"),
        (PreconditionFailure(violations=[Unmet(type="STATE", subject="vm1", description="off")]), "STATE vm1: off"),
        (ResourceInfo(resource_type="disk", resource_name="d1", description="in use"), "disk d1: in use"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_details_read_as_sentences(detail: Message, words: str) -> None:
    assert describe(detail) == to_line(detail) == words
    assert f"RESOURCE_EXHAUSTED: no quota ({words})" in str(operation_failed(failed(8, "no quota", detail)))


@pytest.mark.parametrize(
    "detail", [BadRequest(), ErrorInfo(), Help(), LocalizedMessage(), RequestInfo(), ResourceInfo()]
)
def test_a_detail_that_says_nothing_is_named_by_its_type(detail: Message) -> None:
    assert describe(detail) is None
    assert to_line(detail) == detail.DESCRIPTOR.name


def test_any_other_detail_reads_as_its_fields() -> None:
    assert to_line(DebugInfo(detail="line 3")) == "DebugInfo: detail line 3"


@pytest.mark.parametrize(
    "detail",
    [
        BadRequest(field_violations=[Violation(field=HOSTILE, description=HOSTILE)] * 9),
        QuotaFailure(violations=[Exceeded(subject=HOSTILE, description=HOSTILE)] * 9),
        retry(2**63 - 1, -(2**31)),
        ErrorInfo(reason=HOSTILE, domain=HOSTILE, metadata={HOSTILE: HOSTILE}),
        Help(links=[Help.Link(description=HOSTILE, url="javascript:alert(1)")]),
        LocalizedMessage(message=HOSTILE * 100),
        RequestInfo(request_id=HOSTILE),
        UnknownPayload("x/\x1b]0;title\x07\u202e\n" + "y" * 10_000_000, 1),
    ],
    ids=lambda detail: type(detail).__name__,
)
def test_a_hostile_detail_is_one_safe_line(detail: Payload) -> None:
    words = to_line(detail)
    assert words
    assert words.isprintable()
    assert len(words) <= 160
