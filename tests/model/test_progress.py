"""Progress out of metadata: the types that exist today, shapes that none has yet, and random messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import DoubleValue, Int64Value, StringValue, UInt32Value
from yandex.cloud.ai.batch_inference.v1.batch_inference_service_pb2 import BatchInferenceMetadata
from yandex.cloud.ai.dataset.v1.dataset_service_pb2 import ValidateDatasetMetadata
from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2 import BatchCompletionMetadata
from yandex.cloud.ai.tuning.v1.tuning_service_pb2 import TuningMetadata
from yandex.cloud.backup.v1.backup_service_pb2 import StartFilesRecoveryMetadata, StartRecoveryMetadata
from yandex.cloud.backup.v1.policy_service_pb2 import ExecuteMetadata
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobProgress
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.payload import UnknownPayload
from ds_ops_magic.model.progress import Progress, progress_of
from tests.support.random_messages import filled, random_type, seeded

Field = descriptor_pb2.FieldDescriptorProto
INT32, INT64, UINT64 = Field.TYPE_INT32, Field.TYPE_INT64, Field.TYPE_UINT64
FLOAT, DOUBLE = Field.TYPE_FLOAT, Field.TYPE_DOUBLE
NAN = math.nan
KNOWN: list[type[Message]] = [ExecuteProjectJobMetadata, StartRecoveryMetadata, TuningMetadata, AnyMessage]


def shaped(name: str, optional: Sequence[str] = (), **fields: Any) -> Message:
    """Make a message of a type that no stub has: fields by name, with the type of the value they are given.

    A tuple ``(type, value)`` names the protobuf type; a list makes the field repeated; a message nests.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="tests.shapes", syntax="proto3")
    kind = file.message_type.add(name=name)
    values = {}
    for number, (field, given) in enumerate(fields.items(), 1):
        made = kind.field.add(name=field, number=number, label=Field.LABEL_OPTIONAL)
        value = given
        if isinstance(given, Message):
            made.type, made.type_name = Field.TYPE_MESSAGE, f".{given.DESCRIPTOR.full_name}"
            if given.DESCRIPTOR.file.name not in file.dependency:
                file.dependency.append(given.DESCRIPTOR.file.name)
        else:
            made.type, value = given
        if isinstance(value, list):
            made.label = Field.LABEL_REPEATED
        if field in optional:
            made.proto3_optional, made.oneof_index = True, len(kind.oneof_decl)
            kind.oneof_decl.add(name=f"_{field}")
        values[field] = value
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tests.shapes.{name}"))(**values)


def steps(done: int, total: int) -> Message:
    return TuningMetadata(current_step=done, total_steps=total)


def job(text: str, percent: int) -> Message:
    return ExecuteProjectJobMetadata(progress=JobProgress(message=text, progress=percent))


@pytest.mark.parametrize(
    ("metadata", "progress"),
    [
        (StartRecoveryMetadata(progress_percentage=62.5), Progress(0.625)),
        (StartFilesRecoveryMetadata(progress_percentage=100), Progress(1.0)),
        (ExecuteMetadata(progress_percentage=1), Progress(0.01)),
        (BatchInferenceMetadata(completed_batches=3, total_batches=4), Progress(0.75, "batches 3 of 4")),
        (BatchCompletionMetadata(completed_batches=1, total_batches=8), Progress(0.125, "batches 1 of 8")),
        (ValidateDatasetMetadata(processed_rows=500, total_rows=2000), Progress(0.25, "rows 500 of 2,000")),
        (steps(620, 1000), Progress(0.62, "step 620 of 1,000")),
        (steps(0, 1000), Progress(0.0, "step 0 of 1,000")),
        (job("epoch 3", 40), Progress(0.4, "epoch 3")),
        (job("", 7), Progress(0.07)),
        (job("starting", 0), Progress(0.0, "starting")),
        (steps(1200, 1000), Progress(1.0, "step 1,000 of 1,000")),
        (steps(-3, 10), Progress(0.0, "step 0 of 10")),
        (steps(2**63 - 1, 2**63 - 1), Progress(1.0, f"step {2**63 - 1:,} of {2**63 - 1:,}")),
        (steps(-(2**63), 1), Progress(0.0, "step 0 of 1")),
        (steps(5, 0), Progress()),
        (steps(0, 0), Progress()),
        (job("m", -1), Progress(0.0, "m")),
        (job("m", 0), Progress(0.0, "m")),
        (job("m", 100), Progress(1.0, "m")),
        (job("m", 101), Progress(1.0, "m")),
        (job("m", 2**63 - 1), Progress(1.0, "m")),
        *((job(blank, 5), Progress(0.05)) for blank in ("", " ", "\n\t ")),
        *((StartRecoveryMetadata(progress_percentage=number), Progress()) for number in (NAN, math.inf, -math.inf)),
        *((StartRecoveryMetadata(progress_percentage=number), Progress(0.0)) for number in (-3.0, 5e-324)),
        *((StartRecoveryMetadata(progress_percentage=number), Progress(1.0)) for number in (100.0001, 1e308)),
    ],
    ids=repr,
)
def test_progress_of_types_in_use(metadata: Message, progress: Progress) -> None:
    assert progress_of(metadata) == progress


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "progress 50",
        UnknownPayload("x/y.Z", 3),
        Empty(),
        Struct(),
        CreateProjectMetadata(project_id="p"),
        StartRecoveryMetadata(),  # zero is also what an unset field reads as
        BatchInferenceMetadata(),
        BatchInferenceMetadata(completed_batches=5),  # of how many, nobody knows
        BatchInferenceMetadata(completed_batches=5, total_batches=-10),
        ExecuteProjectJobMetadata(),
        ExecuteProjectJobMetadata,  # the class, not a message
    ],
)
def test_no_progress(metadata: object) -> None:
    assert progress_of(metadata) == Progress(None, None)


def test_the_text_of_a_service_is_made_safe() -> None:
    hostile = "\x1b[2J\u202eepoch\n3\x00" + "!" * 5000
    text = progress_of(job(hostile, 0)).text
    assert text is not None
    assert text.isprintable()
    assert len(text) <= 256
    assert "epoch 3" in text


@pytest.mark.parametrize(
    ("name", "fields", "progress"),
    [
        ("Percent", {"percent": (INT32, 30)}, Progress(0.3)),
        ("ProgressFloat", {"progress": (FLOAT, 50.0)}, Progress(0.5)),
        (
            "Unsigned",
            {"finished_files": (UINT64, 2), "total_files": (UINT64, 2**64 - 1)},
            Progress(2 / (2**64 - 1), "files 2 of 18,446,744,073,709,551,615"),
        ),
        (
            "TwoWords",
            {"processed_input_rows": (INT64, 1), "total_input_rows": (INT64, 2)},
            Progress(0.5, "input rows 1 of 2"),
        ),
        ("NanCount", {"done_bytes": (DOUBLE, NAN), "total_bytes": (DOUBLE, 5.0)}, Progress()),
        ("InfiniteTotal", {"done_bytes": (DOUBLE, 1.0), "total_bytes": (DOUBLE, math.inf)}, Progress()),
        (
            "CountsBeforePercent",
            {"percent": (INT32, 10), "done_parts": (INT32, 1), "total_parts": (INT32, 2)},
            Progress(0.5, "parts 1 of 2"),
        ),
        (
            "BrokenCountsThenPercent",
            {"done_parts": (INT32, 1), "total_parts": (INT32, 0), "percent": (INT32, 10)},
            Progress(0.1),
        ),
        ("RepeatedPercent", {"percent": (INT32, [10, 20])}, Progress()),
        ("TextForNumber", {"progress": (Field.TYPE_STRING, "half")}, Progress()),
        ("Flag", {"progress": (Field.TYPE_BOOL, True)}, Progress()),
        ("NotProgress", {"percent_off": (INT32, 5), "in_progress": (INT32, 5)}, Progress()),
        ("NestedSteps", {"progress": steps(1, 4)}, Progress(0.25, "step 1 of 4")),
        ("NestedPercent", {"progress": StartRecoveryMetadata()}, Progress(0.0)),
        ("NestedNan", {"progress": StartRecoveryMetadata(progress_percentage=NAN)}, Progress()),
        ("NestedOther", {"progress": CreateProjectMetadata(project_id="p")}, Progress()),
        ("NestedByName", {"copy_progress": steps(1, 4)}, Progress(0.25, "step 1 of 4")),
        ("NestedByType", {"stage": JobProgress(progress=40, message="m")}, Progress(0.4, "m")),
        ("NotNested", {"in_progress_job": steps(1, 4)}, Progress()),
        (
            "EmptyNestedThenCounts",
            {"progress": CreateProjectMetadata(project_id="p"), "done_parts": (INT32, 1), "total_parts": (INT32, 2)},
            Progress(0.5, "parts 1 of 2"),
        ),
        ("Wrapped", {"progress_percentage": DoubleValue(value=62.5)}, Progress(0.625)),
        ("WrappedZero", {"progress_percentage": DoubleValue(value=0.0)}, Progress(0.0)),
        (
            "WrappedCounts",
            {"processed_rows": Int64Value(value=1), "total_rows": UInt32Value(value=4)},
            Progress(0.25, "rows 1 of 4"),
        ),
        ("WrappedText", {"progress": StringValue(value="half")}, Progress()),
        ("CountsLast", {"rows_processed": (INT64, 1), "rows_total": (INT64, 4)}, Progress(0.25, "rows 1 of 4")),
        ("Bare", {"done": (INT64, 1), "total": (INT64, 4)}, Progress(0.25, "1 of 4")),
        ("Completion", {"completion_percentage": (INT64, 30)}, Progress(0.3)),
        ("PercentDone", {"percent_complete": (FLOAT, 30)}, Progress(0.3)),
        ("CurrentProfile", {"current_profile": (INT64, 1), "total": (INT64, 4)}, Progress()),
    ],
)
def test_shapes_that_no_type_has_yet(name: str, fields: dict[str, Any], progress: Progress) -> None:
    assert progress_of(shaped(name, **fields)) == progress


def test_a_zero_counts_where_it_was_sent() -> None:
    assert progress_of(shaped("OptionalPercent", percent=(INT32, 0), optional=["percent"])) == Progress(0.0)
    assert progress_of(shaped("OptionalUnset", percent=(INT32, None), optional=["percent"])) == Progress()
    assert progress_of(shaped("Implicit", percent=(INT32, 0))) == Progress()


def test_progress_is_a_value() -> None:
    assert len({Progress(0.5, "a"), Progress(0.5, "a"), Progress(0.5)}) == 2


def check(progress: Progress) -> None:
    assert progress.fraction is None or 0.0 <= progress.fraction <= 1.0
    if progress.text is not None:
        assert progress.text.isprintable()
        assert 0 < len(progress.text) <= 256


def test_random_values_of_random_types() -> None:
    rng = seeded(20)
    known = 0
    for number in range(400):
        kind = random_type(number, rng)
        for _ in range(10):
            progress = progress_of(filled(kind, rng))
            check(progress)
            known += progress.fraction is not None
    assert 400 < known < 3600  # the shapes are near enough to what is read for both to happen


def test_random_values_and_bytes_of_known_types() -> None:
    rng = seeded(22)
    parsed = 0
    for _ in range(4000):
        kind = rng.choice(KNOWN)
        value = bytearray(filled(kind, rng).SerializeToString() or b"\0")
        for _ in range(rng.randint(0, 3)):
            value[rng.randrange(len(value))] = rng.randrange(256)
        try:
            message = kind.FromString(bytes(value))
        except DecodeError:
            message = kind()
        else:
            parsed += 1
        check(progress_of(message))
        payload = AnyMessage(type_url=f"x/{kind.DESCRIPTOR.full_name}", value=bytes(value))
        check(Operation(OperationMessage(id="op1", metadata=payload)).progress)
    assert 500 < parsed < 4000
