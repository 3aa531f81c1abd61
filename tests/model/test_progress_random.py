"""No metadata can crash progress, or move it out of 0 to 1: thousands at random, the same in every run."""

from __future__ import annotations

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from yandex.cloud.ai.tuning.v1.tuning_service_pb2 import TuningMetadata
from yandex.cloud.backup.v1.backup_service_pb2 import StartRecoveryMetadata
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.progress import Progress, progress_of
from tests.support.random_messages import filled, random_type, seeded

KNOWN: list[type[Message]] = [ExecuteProjectJobMetadata, StartRecoveryMetadata, TuningMetadata, AnyMessage]


def check(progress: Progress) -> None:
    assert progress.fraction is None or 0.0 <= progress.fraction <= 1.0
    if progress.text is not None:
        assert progress.text.isprintable()
        assert 0 < len(progress.text) <= 256


def test_any_values_of_any_shape() -> None:
    rng = seeded(20)
    known = 0
    for number in range(400):
        kind = random_type(number, rng)
        for _ in range(10):
            progress = progress_of(filled(kind, rng))
            check(progress)
            known += progress.fraction is not None
    assert 400 < known < 3600  # the shapes are near enough to what is read for both to happen


def test_any_values_of_the_types_in_use() -> None:
    rng = seeded(21)
    for _ in range(500):
        for kind in KNOWN:
            check(progress_of(filled(kind, rng)))


def test_any_bytes_where_metadata_should_be() -> None:
    rng = seeded(22)
    parsed = 0
    for _ in range(3000):
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
    assert 500 < parsed < 3000
