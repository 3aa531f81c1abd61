"""The waiter of `yandexcloud.SDK` and our client wait for the same operations, over TLS, as the SDK is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yandexcloud
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata, ExecuteProjectJobResponse
from yandexcloud.operations import OperationError, OperationResult

from ds_ops_magic import Operation, OperationCancelled, OperationClient, OperationFailed, ProgramFailed, connect
from tests.clients.conftest import TOKEN, Cloud
from tests.clients.environments import ANSWER_TIMEOUT
from tests.clients.outcomes import ENDS, waited

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated class RetryInterceptor")  # the waiter's own

CASES: dict[str, dict[str, Any]] = {**ENDS, "cancelled by ours": {"duration": 600.0}}


@pytest.fixture(scope="module")
def sdk(cloud: Cloud) -> yandexcloud.SDK:
    return yandexcloud.SDK(iam_token=TOKEN, endpoint=cloud.service.address, root_certificates=cloud.ca.read_bytes())


def waited_by_sdk(sdk: yandexcloud.SDK, operation: Operation) -> OperationResult[Any, Any] | OperationError:
    try:
        return sdk.wait_operation_and_get_result(
            operation.to_proto(),
            response_type=ExecuteProjectJobResponse,
            meta_type=ExecuteProjectJobMetadata,
            timeout=ANSWER_TIMEOUT,
        )
    except OperationError as error:
        return error


@pytest.fixture(scope="module")
def ended(
    cloud: Cloud, sdk: yandexcloud.SDK, ours: OperationClient
) -> dict[str, tuple[OperationResult[Any, Any] | OperationError, Operation | OperationFailed]]:
    """Have both wait for all of them at once: the waiter sleeps for 1 s between two calls."""
    with ThreadPoolExecutor(2 * len(CASES)) as pool:
        begun = {name: cloud.service.simulate(**{"duration": 1.0, **case}) for name, case in CASES.items()}
        theirs = {name: pool.submit(waited_by_sdk, sdk, operation) for name, operation in begun.items()}
        mine = {name: pool.submit(waited, ours, operation.id) for name, operation in begun.items()}
        ours.cancel(begun["cancelled by ours"])
        return {name: (theirs[name].result(), mine[name].result()) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_waiting(name: str, ended: Any, sdk: yandexcloud.SDK) -> None:
    theirs, mine = ended[name]
    if isinstance(theirs, OperationError):
        assert isinstance(mine, OperationFailed)
        assert f"Error code: {mine.status.code}. " in theirs.message
        assert f"Message: {mine.status.message}. " in theirs.message
        assert isinstance(mine, OperationCancelled) == ("cancelled" in name)
        with connect(sdk) as client:  # the error of theirs stands for its operation
            assert client.get(theirs) == mine.operation
    else:
        # It knows of no programs: a response is a success to it, which has the exit code.
        assert isinstance(mine, ProgramFailed) == (theirs.response.result.return_code != 0)
        operation = mine.operation if isinstance(mine, ProgramFailed) else mine
        assert operation.response == theirs.response


def test_which_are_errors(ended: Any) -> None:
    errors = [name for name, (theirs, _) in ended.items() if isinstance(theirs, OperationError)]
    assert errors == ["failure", "failing", "cancelled", "cancelled by ours"]
