"""Operations, their parts and their errors, as type checkers see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import grpc
from google.protobuf.message import Message
from typing_extensions import assert_type

import ds_ops_magic
from ds_ops_magic import (
    ErrorStatus,
    Failure,
    Operation,
    OperationCancelled,
    OperationFailed,
    Operations,
    OperationsError,
    OperationsFailed,
    ProgramFailed,
    Progress,
    ServiceRefused,
    Status,
    UnknownPayload,
    WaitTimeout,
    recorder,
)


def parts(operation: Operation) -> None:
    assert_type(operation.status, Status)
    assert_type(operation.created_at, datetime | None)
    assert_type(operation.metadata, Message | UnknownPayload | None)
    assert_type(operation.error, ErrorStatus | None)
    assert_type(operation.failure, Failure | None)
    assert_type(operation.warnings, tuple[str, ...])
    assert_type(operation.progress, Progress)
    assert_type(operation.progress.fraction, float | None)
    assert_type(operation.elapsed, float | None)
    operation.id = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def several(operations: Operations[Operation | None]) -> None:
    assert_type(operations[0], Operation | None)
    assert_type(operations.failed, Operations[Operation])
    assert_type(operations.succeeded[0], Operation)


def failures(work: object) -> None:
    try:
        print(work)
    except OperationCancelled as error:
        assert_type(error.operation, Operation)
    except ProgramFailed as error:
        assert_type(error.return_code, int | None)
        assert_type(error.stderr, tuple[str, ...])
    except OperationFailed as error:
        assert_type(error.status, ErrorStatus)
    except OperationsFailed as error:
        assert_type(error.errors, Mapping[str, OperationsError])
        assert_type(error.operations, Operations[Operation | None])
    except WaitTimeout as error:
        assert_type(error.last_status, str | None)
    except ServiceRefused as error:
        assert_type(error.code, str)


interceptor: grpc.UnaryUnaryClientInterceptor = recorder()
ds_ops_magic.Operatoin  # type: ignore[attr-defined]  # pyright: ignore  # noqa: B018
