"""The package yandex-ai-studio-sdk and this project in one process: we connect by its objects, and wait for them."""

import asyncio
import json
import os
import sys

TOLD = json.loads(sys.argv[1])
sys.path.append(TOLD["repository"])

from answering import serve  # noqa: E402
from yandex_ai_studio_sdk import AIStudio, AsyncAIStudio  # noqa: E402
from yandex_ai_studio_sdk._tuning.tuning_task import TuningTask  # noqa: E402
from yandex_ai_studio_sdk._types.operation import AsyncOperation, Operation  # noqa: E402
from yandex_ai_studio_sdk.auth import IAMTokenAuth  # noqa: E402

from ds_ops_magic import connect  # noqa: E402


def sdk(kind):
    token = IAMTokenAuth(os.environ["YC_IAM_TOKEN"])
    return kind(folder_id="folder", endpoint=TOLD["address"], verify=TOLD["ca"], auth=token)


def operation(of, kind, operation_id, service):
    return kind(sdk=of, id=operation_id, result_type=dict, proto_result_type=None, service_name=service)


def wait(operation_id, service):
    made = sdk(AIStudio)
    with connect(made) as client:
        ended = client.wait(operation(made, Operation, operation_id, service))
    return [ended.id, ended.status.value, client.connection.identity]


def wait_async(operation_id, service):
    async def waited():
        made = sdk(AsyncAIStudio)
        with connect(made) as client:
            ended = await client.wait_async(operation(made, AsyncOperation, operation_id, service))
        return [ended.id, ended.status.value, client.connection.identity]

    return asyncio.run(waited())


def tuning(operation_id):
    made = sdk(AIStudio)
    with connect(made) as client:
        ended = client.wait(TuningTask(sdk=made, result_type=dict, operation_id=operation_id, task_id=None))
    return [ended.id, ended.status.value]


serve(wait, wait_async, tuning)
