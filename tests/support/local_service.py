"""Waiting with a deadline, a bare gRPC client, other processes, and callables that they can import."""

from __future__ import annotations

import functools
import os
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from contextlib import closing, contextmanager

import grpc
import pytest
from yandex.cloud.operation.operation_service_pb2 import CancelOperationRequest, GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from ds_ops_magic.local.store import Store
from ds_ops_magic.model.operation import Operation
from tests.support.following import until

DEADLINE = 20.0

wait_until = functools.partial(until, timeout=DEADLINE)


def ended(service, operation_id):
    return wait_until(lambda: (found := service.get(operation_id)).done and found)


def started(service, operation):
    """Tell whether a job has started, which its message does not say."""
    with closing(Store(service.path, create=False)) as store:
        return store.read(operation.id).started


class Caller:
    def __init__(self, address, token=None, channel=None):
        self.channel = channel or grpc.insecure_channel(address)
        self._stub = OperationServiceStub(self.channel)
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)

    def get(self, operation_id):
        request = GetOperationRequest(operation_id=operation_id)
        return Operation.from_proto(self._stub.Get(request, timeout=DEADLINE, metadata=self._metadata))

    def later(self, operation_id):
        request = GetOperationRequest(operation_id=operation_id)
        return self._stub.Get.future(request, timeout=DEADLINE, metadata=self._metadata)

    def cancel(self, operation_id):
        request = CancelOperationRequest(operation_id=operation_id)
        return Operation.from_proto(self._stub.Cancel(request, timeout=DEADLINE, metadata=self._metadata))


@contextmanager
def calling(address, token=None):
    caller = Caller(address, token)
    try:
        yield caller
    finally:
        caller.channel.close()


@contextmanager
def script(code, *arguments, **environment):
    """Run Python code in a process of its own, killed at the end, with its temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": folder}
            | {name: str(value) for name, value in environment.items()},
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def proceed(process):
    """Let a script go on that reads a line from its input."""
    process.stdin.write("\n")
    process.stdin.flush()


def status_of(ask, *arguments, **options):
    """Return the status with which a call fails: code and message."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(*arguments, **options)
    return caught.value.code(), caught.value.details()


def in_child(function):
    """Run a function in a forked child, and return its exit code: 0 when the function returned true."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = 0 if function() else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    try:
        status = wait_until(lambda: (found := os.waitpid(pid, os.WNOHANG))[0] and found)[1]
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    return os.waitstatus_to_exitcode(status)


# Callables for executors: those of other processes import them from here.


def count(number, reporter):
    for step in range(number):
        reporter.check()
        reporter.progress((step + 1) / number, f"{step + 1} of {number}")
    return number


def until_cancelled(reporter):
    reporter.progress(0.25, "waiting")
    wait_until(lambda: reporter.cancelled)
    reporter.check()


def process_id():
    return os.getpid()


def die():
    os._exit(9)


def until_exists(path):
    wait_until(path.exists)
    return "done"
