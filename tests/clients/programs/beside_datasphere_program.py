"""The package datasphere and this project in one process: we connect by its objects, and wait for them."""

import json
import sys

TOLD = json.loads(sys.argv[1])
sys.path += [TOLD["repository"], TOLD["datasphere"]]  # what both have is of the Python that runs this, as yandexcloud

from answering import serve  # noqa: E402
from at_address import at  # noqa: E402
from datasphere.client import OperationError  # noqa: E402
from datasphere.sdk import SDK  # noqa: E402

from ds_ops_magic import ProgramFailed, connect  # noqa: E402

at(TOLD["address"])
sdk = SDK()
client = connect(sdk)


def connected():
    client.check()
    return client.connection.endpoint, client.connection.identity


def targets(job):
    """Return what becomes of a clone that is waited for, and which operations several objects stand for."""
    forked = sdk.fork_job(job)
    try:
        client.wait(forked)
    except ProgramFailed as error:
        ended = [error.operation.id, error.return_code]
    return {
        "forked": [forked.id, forked.operation_id],
        "ended": ended,
        "message": client.get(forked.op).id,
        "job": client.get(sdk.client.get(forked.id)).id,
        "found": client.get(sdk.get_job(forked.id)).id,
    }


def error_of(job):
    """Return which operation an error of theirs is about, and what we say of it."""
    operation, call = sdk.client.execute(job)
    try:
        sdk.client.wait_for_completion(operation, call)
    except OperationError as error:
        found = client.get(error)
        return found.id, found.error.name
    return None


serve(connected, targets, error_of)
