"""Operations of yandex-ai-studio-sdk as they are; its endpoint, certificate and token are arguments that it has."""

import asyncio
import json
import os
import sys

from answering import serve
from google.protobuf.message import Message
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobResponse
from yandex_ai_studio_sdk import AIStudio, AsyncAIStudio
from yandex_ai_studio_sdk._tuning.tuning_task import TuningTask
from yandex_ai_studio_sdk._types.operation import AsyncOperation, Operation
from yandex_ai_studio_sdk.auth import IAMTokenAuth
from yandex_ai_studio_sdk.exceptions import RunError

TOLD = json.loads(sys.argv[1])
POLL = {"poll_interval": 0.1, "poll_timeout": 30}  # seconds


def sdk(kind=AIStudio):
    token = IAMTokenAuth(os.environ["YC_IAM_TOKEN"])
    return kind(folder_id="folder", endpoint=TOLD["address"], verify=TOLD["ca"], auth=token)


async def as_it_is(proto, timeout, context):
    return proto


def operation(of, kind, operation_id, service):
    return kind(
        sdk=of,
        id=operation_id,
        result_type=Message,
        proto_result_type=ExecuteProjectJobResponse,
        service_name=service,
        transformer=as_it_is,
    )


def tuning_task(operation_id):
    return TuningTask(sdk=sdk(), result_type=Message, operation_id=operation_id, task_id=None)


def status(operation_id, service):
    return _status(operation(sdk(), Operation, operation_id, service).get_status())


def wait(operation_id, service):
    return _outcome(lambda: operation(sdk(), Operation, operation_id, service).wait(**POLL))


def wait_async(operation_id, service):
    async def waited():
        return await operation(sdk(AsyncAIStudio), AsyncOperation, operation_id, service).wait(**POLL)

    return _outcome(lambda: asyncio.run(waited()))


def cancel(operation_id, service):
    operation(sdk(), Operation, operation_id, service).cancel()


def tuning_status(operation_id):
    return _status(tuning_task(operation_id).get_status())


def tuning_wait(operation_id):
    return _outcome(lambda: tuning_task(operation_id).wait(**POLL))


def tuning_cancel(operation_id):
    tuning_task(operation_id).cancel()


def _outcome(wait_for_it):
    try:
        return {"response": wait_for_it().SerializeToString().hex()}
    except RunError as error:
        return {"code": error.code, "message": error.message}


def _status(found):
    return {"running": found.is_running, "succeeded": found.is_succeeded, "failed": found.is_failed}


serve(status, wait, wait_async, cancel, tuning_status, tuning_wait, tuning_cancel)
