"""Payloads: any type that is installed decodes with no hint, and nothing that a server sends raises."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format, struct_pb2, wrappers_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from yandex.cloud.ai.batch_inference.v1.batch_inference_service_pb2 import BatchInferenceMetadata
from yandex.cloud.cdn.v1.origin_service_pb2 import CreateOriginMetadata
from yandex.cloud.compute.v1.instance_service_pb2 import MoveInstanceMetadata
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import CreateProjectJobMetadata, ExecuteProjectJobMetadata
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata
from yandex.cloud.logging.v1.export_service_pb2 import RunExportMetadata
from yandex.cloud.mdb.postgresql.v1.database_service_pb2 import CreateDatabaseMetadata

from ds_ops_magic.model.payload import UnknownPayload, decode, target_id, to_line, to_plain, type_words
from tests.support.fresh import fresh
from tests.support.messages import UNKNOWN, packed

if TYPE_CHECKING:
    from google.protobuf.message import Message

GOOGLE = "type.googleapis.com/"
BROKEN = AnyMessage(type_url="x/google.rpc.ErrorInfo", value=b"\xff")
VIOLATION = BadRequest.FieldViolation(field="имя")
HOSTILE = [
    *("../../os", "x/../../os", "os.path", "x/os.path", "x/yandex.cloud/../../os.Thing"),
    *("x/yandex.cloud.antigravity.Flight", "x/yandex.cloud.nothing.v9.Thing", "x/google.rpc.Nothing"),
    *("x/yandex.cloud.", "x/yandex.cloud..Thing", "x/google.protobuf.Имя", "x/Thing", "x/", "/"),
    # The names of the C library end at a NUL, and $ matches before a line break.
    *("\x00", "x/google.protobuf.Empty\x00", "x/google.protobuf.Empty\x00evil", "x/google.protobuf.Empty\n"),
    *("x/" + "." * 100_000, "x/" + "A." * 1_000_000 + "Thing"),
    *("x/yandex.cloud." + "a" * 300 + ".Thing", "x/yandex.cloud." + "a." * 5_000 + "Thing"),
]


def test_a_type_inside_a_payload_is_imported() -> None:
    inner = packed(CreateProjectMetadata(project_id="p1"))
    code = """
from google.protobuf.any_pb2 import Any
from ds_ops_magic.model.payload import to_plain
from tests.support.messages import packed
print(json.dumps(to_plain(Any.FromString(bytes.fromhex(input())))))
"""
    plain = fresh(code, packed(Status(code=5, details=[inner])).SerializeToString().hex())
    assert plain["details"] == [{"@type": inner.type_url, "project_id": "p1"}]


def test_an_unset_payload_is_none() -> None:
    assert decode(AnyMessage()) is None
    assert decode(AnyMessage(value=b"123")) is None


@pytest.mark.parametrize(
    "message",
    [Empty(), CreateProjectMetadata(project_id="p"), struct_pb2.Value(number_value=1), packed(packed(Empty()))],
)
@pytest.mark.parametrize("prefix", [GOOGLE, "/", "", "https://example.com/a/b/"])
def test_the_type_is_named_after_the_last_slash(message: Message, prefix: str) -> None:
    payload = AnyMessage(type_url=prefix + message.DESCRIPTOR.full_name, value=message.SerializeToString())
    found = decode(payload)
    assert found == message
    assert type(found) is type(message)


@pytest.mark.parametrize("type_url", HOSTILE, ids=lambda url: repr(url)[:40])
def test_a_hostile_type_url_is_an_unknown_type(type_url: str) -> None:
    payload = AnyMessage(type_url=type_url, value=b"\x0a\x01x")
    before = set(sys.modules)
    start = time.perf_counter()
    assert decode(payload) == UnknownPayload(type_url, 3)
    assert to_plain(payload) == {"@type": type_url, "size": 3}
    assert time.perf_counter() - start < 5
    assert {name for name in set(sys.modules) - before if not name.startswith(("google", "yandex"))} == set()


@pytest.mark.parametrize("value", [b"\xff", b"\x0a\x05x", b"\x0a\x01\xff", b"\x0b" * 200, b"\x0a\xff\xff\xff\xff\x0f"])
def test_broken_bytes_are_an_unknown_payload(value: bytes) -> None:
    url = GOOGLE + "yandex.cloud.datasphere.v2.CreateProjectMetadata"
    payload = AnyMessage(type_url=url, value=value)
    assert decode(payload) == UnknownPayload(url, len(value))
    assert to_plain(payload) == {"@type": url, "size": len(value)}


@pytest.mark.parametrize(
    "message",
    [
        CreateProjectMetadata(project_id="п"),
        BadRequest(field_violations=[VIOLATION, VIOLATION]),
        wrappers_pb2.DoubleValue(value=float("nan")),
        Empty(),
        Timestamp(seconds=5, nanos=7),
    ],
)
def test_to_plain_is_the_json_mapping(message: Message) -> None:
    plain = to_plain(packed(message))
    again = json_format.ParseDict(plain, AnyMessage())
    assert again.SerializeToString() == packed(message).SerializeToString()
    assert json_format.ParseDict(to_plain(message), type(message)()).SerializeToString() == message.SerializeToString()


@pytest.mark.parametrize(
    ("message", "plain"),
    [
        (UNKNOWN, {"@type": "x/vendor.v1.Secret", "size": 3}),
        (AnyMessage(), {}),
        (AnyMessage(value=b"123"), {"@type": "", "size": 3}),
        (Timestamp(seconds=2**60), {"@type": "google.protobuf.Timestamp", "size": 10}),
        (Status(details=[UNKNOWN]), {"@type": "google.rpc.Status", "size": 27}),
    ],
)
def test_what_json_cannot_hold_becomes_type_and_size(message: Message, plain: dict[str, Any]) -> None:
    assert to_plain(message) == plain


def test_nesting_without_end_is_no_error() -> None:
    bottomless = packed(Empty())
    for _ in range(2_000):
        bottomless = packed(bottomless)
    assert to_plain(bottomless) == {"@type": GOOGLE + "google.protobuf.Any", "size": len(bottomless.value)}
    assert to_line(bottomless).endswith("bytes")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (CreateProjectMetadata(project_id="p"), "CreateProjectMetadata: project_id p"),
        (Empty(), "Empty"),
        (UnknownPayload("x/vendor.v1.Secret", 1), "vendor.v1.Secret, 1 byte"),
        (ErrorInfo(reason="a" * 5000), "reason " + "a" * 152 + "…"),
        (ErrorInfo(reason="a" * 70_000), "google.rpc.ErrorInfo, 70,004 bytes"),
        (CreateProjectMetadata(project_id="a" * 5000), "yandex.cloud.datasphere.v2.CreateProjectMetadata, 5,003 bytes"),
        (Status(details=[BROKEN]), "google.rpc.Status, 29 bytes"),
    ],
)
def test_a_payload_as_one_line(payload: Message | UnknownPayload, words: str) -> None:
    assert to_line(payload) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("yandex.cloud.datasphere.v2.CreateProjectMetadata", ["Create", "Project"]),
        ("a.CreateGPUClusterMetadata", ["Create", "GPU", "Cluster"]),
        ("a.UpdateK8SCluster", ["Update", "K8", "S", "Cluster"]),
        ("a.CreateS3Ipv6Rule2Metadata", ["Create", "S3", "Ipv6", "Rule2"]),
        ("Metadata", []),
        ("", []),
        ("a.\x1b[31m\u202e", []),
    ],
)
def test_type_words(name: str, words: list[str]) -> None:
    assert type_words(name) == words


@pytest.mark.parametrize(
    ("metadata", "target"),
    [
        (CreateProjectMetadata(project_id="p"), "p"),
        (CreateProjectJobMetadata(project_id="p", job_id="j"), "j"),
        (ExecuteProjectJobMetadata(job=Job(id="j", name="n")), "j"),
        (MoveInstanceMetadata(instance_id="i", source_folder_id="a", destination_folder_id="b"), "i"),
        (CreateDatabaseMetadata(cluster_id="c", database_name="d"), "c"),  # the only id there is
        (BatchInferenceMetadata(task_id="t"), "t"),
        (CreateOriginMetadata(origin_id=7, origin_group_id=9), "7"),  # a number
        (RunExportMetadata(group_id="g", sink_id="s"), None),  # either could be meant
        (CreateProjectJobMetadata(project_id="p"), None),  # about the job, which is not known yet
        (ExecuteProjectJobMetadata(), None),
        (CreateOriginMetadata(), None),
        (Empty(), None),
        (UnknownPayload("x/a.B", 1), None),
        (None, None),
    ],
)
def test_target_id(metadata: object, target: str | None) -> None:
    assert target_id(metadata) == target
