"""Objects shaped as those of datasphere 0.10 and yandex-ai-studio-sdk 0.22, which cannot be installed side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def of(module: str) -> Callable[[type[T]], type[T]]:
    """Have a class say that it is of that module."""

    def placed(kind: type[T]) -> type[T]:
        kind.__module__ = module
        return kind

    return placed


@of("datasphere.sdk")
class JobWrapper:
    """As `datasphere.sdk.JobWrapper`, whose properties raise where it was made without an operation or a job."""

    def __init__(self, job_id: str, client: Any = None, op: Any = None, execute_call: Any = None, job: Any = None):
        self.job_id, self.client, self.op, self.execute_call, self.job = job_id, client, op, execute_call, job

    @property
    def id(self) -> str:
        return self.job_id

    @property
    def operation_id(self) -> str:
        if not self.op:
            raise NotImplementedError("`operation_id` is not available")
        return str(self.op.id)

    @property
    def done(self) -> bool:
        if not self.job:
            raise NotImplementedError("`done` is not available")
        return False


@of("datasphere.client")
class OperationError(Exception):
    def __init__(self, op: Any, call_which_created_op: Any = None):
        self.op, self.call_which_created_op = op, call_which_created_op


@of("yandex_ai_studio_sdk._types.operation")
class OperationInterface(Generic[T]):
    id: str


@of("yandex_ai_studio_sdk._types.operation")
class BaseOperation(OperationInterface[T]):
    def __init__(self, id: str, service_name: str | None = None):
        self._id, self._service_name = id, service_name

    @property
    def id(self) -> str:  # type: ignore[override]
        return self._id


@of("yandex_ai_studio_sdk._types.operation")
class Operation(BaseOperation[T]): ...


@of("yandex_ai_studio_sdk._types.operation")
class AsyncOperation(BaseOperation[T]):
    def __await__(self) -> Any:
        raise AssertionError("it is not awaited")


@of("yandex_ai_studio_sdk._tuning.tuning_task")
class BaseTuningTask(OperationInterface[T]):
    def __init__(self, operation_id: str | None, task_id: str | None):
        self._operation_id, self._task_id = operation_id, task_id

    @property
    def id(self) -> str | None:  # type: ignore[override]
        return self._operation_id or self._task_id


@of("yandex_ai_studio_sdk._tuning.tuning_task")
class TuningTask(BaseTuningTask[T]): ...


@of("yandex_ai_studio_sdk._tuning.tuning_task")
class TuningTaskInfo:
    def __init__(self, task_id: str, operation_id: str):
        self.task_id, self.operation_id = task_id, operation_id


@of("yandex_ai_studio_sdk._types.batch.operation")
class BaseBatchTaskOperation(OperationInterface[T]):
    def __init__(self, id: str):
        self._id = id

    @property
    def id(self) -> str:  # type: ignore[override]
        return self._id


@of("yandex_ai_studio_sdk._types.batch.operation")
class BatchTaskOperation(BaseBatchTaskOperation[T]): ...
