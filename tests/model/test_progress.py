"""Progress out of metadata, by shape: the types that exist today, and shapes that none has yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
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

from ds_ops_magic.model.payload import UnknownPayload
from ds_ops_magic.model.progress import Progress, progress_of

Field = descriptor_pb2.FieldDescriptorProto
NAN = math.nan


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


@pytest.mark.parametrize(
    ("metadata", "progress"),
    [
        (StartRecoveryMetadata(progress_percentage=62.5), Progress(0.625)),
        (StartFilesRecoveryMetadata(progress_percentage=100), Progress(1.0)),
        (ExecuteMetadata(progress_percentage=1), Progress(0.01)),
        (BatchInferenceMetadata(completed_batches=3, total_batches=4), Progress(0.75, "batches 3 of 4")),
        (BatchCompletionMetadata(completed_batches=1, total_batches=8), Progress(0.125, "batches 1 of 8")),
        (ValidateDatasetMetadata(processed_rows=500, total_rows=2000), Progress(0.25, "rows 500 of 2,000")),
        (TuningMetadata(current_step=620, total_steps=1000), Progress(0.62, "step 620 of 1,000")),
        (TuningMetadata(current_step=0, total_steps=1000), Progress(0.0, "step 0 of 1,000")),
        (ExecuteProjectJobMetadata(progress=JobProgress(message="epoch 3", progress=40)), Progress(0.4, "epoch 3")),
        (ExecuteProjectJobMetadata(progress=JobProgress(progress=7)), Progress(0.07)),
        (ExecuteProjectJobMetadata(progress=JobProgress(message="starting")), Progress(0.0, "starting")),
    ],
)
def test_every_shape_in_use(metadata: Message, progress: Progress) -> None:
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
def test_nothing_known_is_nothing_said(metadata: object) -> None:
    assert progress_of(metadata) == Progress(None, None)


@pytest.mark.parametrize(
    ("percentage", "fraction"),
    [
        (NAN, None),
        (math.inf, None),
        (-math.inf, None),
        (-3.0, 0.0),
        (100.0001, 1.0),
        (1e308, 1.0),
        (5e-324, 0.0),
    ],
)
def test_a_percentage_out_of_range_is_never_shown_as_it_is(percentage: float, fraction: float | None) -> None:
    assert progress_of(StartRecoveryMetadata(progress_percentage=percentage)).fraction == pytest.approx(fraction)


@pytest.mark.parametrize(
    ("done", "total", "progress"),
    [
        (1200, 1000, Progress(1.0, "step 1,000 of 1,000")),
        (-3, 10, Progress(0.0, "step 0 of 10")),
        (2**63 - 1, 2**63 - 1, Progress(1.0, "step 9,223,372,036,854,775,807 of 9,223,372,036,854,775,807")),
        (-(2**63), 1, Progress(0.0, "step 0 of 1")),
        (5, 0, Progress()),
        (0, 0, Progress()),
    ],
)
def test_counts_out_of_range_are_never_shown_as_they_are(done: int, total: int, progress: Progress) -> None:
    assert progress_of(TuningMetadata(current_step=done, total_steps=total)) == progress


@pytest.mark.parametrize(
    ("value", "fraction"),
    [(-1, 0.0), (0, 0.0), (100, 1.0), (101, 1.0), (2**63 - 1, 1.0)],
)
def test_nested_progress_is_clamped(value: int, fraction: float) -> None:
    metadata = ExecuteProjectJobMetadata(progress=JobProgress(message="m", progress=value))
    assert progress_of(metadata) == Progress(fraction, "m")


def test_the_words_of_a_service_are_made_safe() -> None:
    hostile = "\x1b[2J\u202eepoch\n3\x00" + "!" * 5000
    text = progress_of(ExecuteProjectJobMetadata(progress=JobProgress(message=hostile))).text
    assert text is not None
    assert text.isprintable()
    assert len(text) <= 256
    assert "epoch 3" in text


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_blank_words_are_none(blank: str) -> None:
    assert progress_of(ExecuteProjectJobMetadata(progress=JobProgress(message=blank, progress=5))).text is None


@pytest.mark.parametrize(
    ("name", "fields", "progress"),
    [
        ("Percent", {"percent": (Field.TYPE_INT32, 30)}, Progress(0.3)),
        ("ProgressFloat", {"progress": (Field.TYPE_FLOAT, 50.0)}, Progress(0.5)),
        (
            "Unsigned",
            {"finished_files": (Field.TYPE_UINT64, 2), "total_files": (Field.TYPE_UINT64, 2**64 - 1)},
            Progress(2 / (2**64 - 1), "files 2 of 18,446,744,073,709,551,615"),
        ),
        (
            "TwoWords",
            {"processed_input_rows": (Field.TYPE_INT64, 1), "total_input_rows": (Field.TYPE_INT64, 2)},
            Progress(0.5, "input rows 1 of 2"),
        ),
        (
            "NanCount",
            {"done_bytes": (Field.TYPE_DOUBLE, NAN), "total_bytes": (Field.TYPE_DOUBLE, 5.0)},
            Progress(),
        ),
        (
            "InfiniteTotal",
            {"done_bytes": (Field.TYPE_DOUBLE, 1.0), "total_bytes": (Field.TYPE_DOUBLE, math.inf)},
            Progress(),
        ),
        (
            "CountsBeforePercent",
            {
                "percent": (Field.TYPE_INT32, 10),
                "done_parts": (Field.TYPE_INT32, 1),
                "total_parts": (Field.TYPE_INT32, 2),
            },
            Progress(0.5, "parts 1 of 2"),
        ),
        (
            "BrokenCountsThenPercent",
            {
                "done_parts": (Field.TYPE_INT32, 1),
                "total_parts": (Field.TYPE_INT32, 0),
                "percent": (Field.TYPE_INT32, 10),
            },
            Progress(0.1),
        ),
        ("RepeatedPercent", {"percent": (Field.TYPE_INT32, [10, 20])}, Progress()),
        ("WordsForNumbers", {"progress": (Field.TYPE_STRING, "half")}, Progress()),
        ("Flag", {"progress": (Field.TYPE_BOOL, True)}, Progress()),
        ("NotProgress", {"percent_off": (Field.TYPE_INT32, 5), "in_progress": (Field.TYPE_INT32, 5)}, Progress()),
        ("NestedSteps", {"progress": TuningMetadata(current_step=1, total_steps=4)}, Progress(0.25, "step 1 of 4")),
        ("NestedPercent", {"progress": StartRecoveryMetadata()}, Progress(0.0)),
        ("NestedNan", {"progress": StartRecoveryMetadata(progress_percentage=NAN)}, Progress()),
        ("NestedOther", {"progress": CreateProjectMetadata(project_id="p")}, Progress()),
        (
            "NestedByName",
            {"copy_progress": TuningMetadata(current_step=1, total_steps=4)},
            Progress(0.25, "step 1 of 4"),
        ),
        ("NestedByType", {"stage": JobProgress(progress=40, message="m")}, Progress(0.4, "m")),
        ("NotNested", {"in_progress_job": TuningMetadata(current_step=1, total_steps=4)}, Progress()),
        (
            "EmptyNestedThenCounts",
            {
                "progress": CreateProjectMetadata(project_id="p"),
                "done_parts": (Field.TYPE_INT32, 1),
                "total_parts": (Field.TYPE_INT32, 2),
            },
            Progress(0.5, "parts 1 of 2"),
        ),
        ("Wrapped", {"progress_percentage": DoubleValue(value=62.5)}, Progress(0.625)),
        ("WrappedZero", {"progress_percentage": DoubleValue(value=0.0)}, Progress(0.0)),
        (
            "WrappedCounts",
            {"processed_rows": Int64Value(value=1), "total_rows": UInt32Value(value=4)},
            Progress(0.25, "rows 1 of 4"),
        ),
        ("WrappedWords", {"progress": StringValue(value="half")}, Progress()),
        (
            "CountsLast",
            {"rows_processed": (Field.TYPE_INT64, 1), "rows_total": (Field.TYPE_INT64, 4)},
            Progress(0.25, "rows 1 of 4"),
        ),
        ("Bare", {"done": (Field.TYPE_INT64, 1), "total": (Field.TYPE_INT64, 4)}, Progress(0.25, "1 of 4")),
        ("Completion", {"completion_percentage": (Field.TYPE_INT64, 30)}, Progress(0.3)),
        ("PercentDone", {"percent_complete": (Field.TYPE_FLOAT, 30)}, Progress(0.3)),
        ("CurrentProfile", {"current_profile": (Field.TYPE_INT64, 1), "total": (Field.TYPE_INT64, 4)}, Progress()),
    ],
)
def test_shapes_that_no_type_has_yet(name: str, fields: dict[str, Any], progress: Progress) -> None:
    assert progress_of(shaped(name, **fields)) == progress


def test_a_zero_that_was_sent_counts_where_it_can_be_told_from_one_that_was_not() -> None:
    assert progress_of(shaped("OptionalPercent", percent=(Field.TYPE_INT32, 0), optional=["percent"])) == Progress(0.0)
    assert progress_of(shaped("OptionalUnset", percent=(Field.TYPE_INT32, None), optional=["percent"])) == Progress()
    assert progress_of(shaped("Implicit", percent=(Field.TYPE_INT32, 0))) == Progress()


def test_progress_is_a_value() -> None:
    assert Progress(0.5, "a") == Progress(0.5, "a")
    assert len({Progress(0.5, "a"), Progress(0.5, "a"), Progress(0.5)}) == 2
    with pytest.raises(AttributeError):
        Progress().fraction = 1.0  # type: ignore[misc]  # what is shown to be refused
