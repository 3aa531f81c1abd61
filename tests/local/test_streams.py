"""Calls that stay open take no place from others, are bounded, and end with the service."""

from __future__ import annotations

import contextlib
import threading
import time

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ReadProjectJobLogsRequest
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2_grpc import ProjectJobServiceStub

from ds_ops_magic.local import LocalService, streams
from ds_ops_magic.local.datasphere_services import JOB_SERVICE
from ds_ops_magic.local.health_service import HEALTH_SERVICE
from ds_ops_magic.local.job_messages import job_id_of
from tests.support.half_sent import DATA, half_sent
from tests.support.local_service import DEADLINE, calling, status_of, wait_until


def threads_of(name):
    return [thread for thread in threading.enumerate() if thread.name == name]


def stream_threads():
    return threads_of("ds_ops_magic stream")


def watch(channel):
    call = channel.unary_stream(f"/{HEALTH_SERVICE}/Watch", request_serializer=StringValue.SerializeToString)
    return call(StringValue())


@contextlib.contextmanager
def idle(service, logs=0, watches=0):
    """Open so many streams, none of which brings anything more, and wait until all are served."""
    job_id = job_id_of(service.simulate(1000, log=["first"]).id)
    with grpc.insecure_channel(service.address) as channel:
        stub = ProjectJobServiceStub(channel)
        calls = [stub.ReadLogs(ReadProjectJobLogsRequest(job_id=job_id)) for _ in range(logs)]
        calls += [watch(channel) for _ in range(watches)]
        for call in calls:
            next(call)
        yield calls
        for call in calls:
            call.cancel()


def test_calls_beside_200_idle_streams():
    with LocalService() as service, calling(service.address) as caller:
        operation = service.simulate(60)
        caller.get(operation.id)
        with idle(service, logs=150, watches=50):
            wait_until(lambda: len(stream_threads()) == 150)  # a watch keeps none
            wait_until(lambda: len(threads_of("ds_ops_magic service")) <= 9)  # and neither does a log, of those
            for _ in range(50):
                assert caller.get(operation.id).id == operation.id
            assert caller.cancel(operation.id).status_word == "cancelling"
        wait_until(lambda: not stream_threads())


def test_no_more_than_there_are_places(monkeypatch):
    monkeypatch.setattr(streams, "MAX_STREAMS", 6)
    with LocalService() as service, grpc.insecure_channel(service.address) as channel:
        with idle(service, logs=3, watches=3) as calls, idle(service):
            code, message = status_of(next, watch(channel))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "6" in message
            calls[0].cancel()
            place = wait_until(lambda: opened(channel))
            place.cancel()
        again = wait_until(lambda: opened(channel))
        again.cancel()


def opened(channel):
    call = watch(channel)
    with contextlib.suppress(grpc.RpcError):
        next(call)
        return call
    return None


def test_no_threads(service, monkeypatch):
    start = threading.Thread.start

    def refuse(thread):
        if thread.name == "ds_ops_magic stream":  # the client, too, needs some
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    operation = service.simulate(60)
    with calling(service.address) as caller:
        stub = ProjectJobServiceStub(caller.channel)
        call = stub.ReadLogs(ReadProjectJobLogsRequest(job_id=job_id_of(operation.id)), timeout=DEADLINE)
        assert status_of(next, call)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_close_ends_them():
    service = LocalService().start()
    with idle(service, logs=20, watches=20) as calls:
        began = time.monotonic()
        service.close()
        assert time.monotonic() - began < 5
        for call in calls:
            code, message = status_of(next, call)
            assert (code, message) == (grpc.StatusCode.UNAVAILABLE, "The service stops")
        wait_until(lambda: not stream_threads())


def test_client_that_does_not_read():
    # What it is sent fills its window, which gRPC must not widen. Nobody else waits for it, nor does the service's end.
    narrow = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
    lines = ["x" * 100_000] * 50
    with (
        LocalService() as service,
        calling(service.address) as caller,
        grpc.insecure_channel(service.address, narrow) as channel,
    ):
        operation = service.simulate(0, log=lines)
        stub = ProjectJobServiceStub(channel)
        calls = [stub.ReadLogs(ReadProjectJobLogsRequest(job_id=job_id_of(operation.id))) for _ in range(30)]
        assert sum(len(answer.logs) for answer in calls[0]) == 50
        wait_until(lambda: len(stream_threads()) == 29)
        for _ in range(50):
            assert caller.get(operation.id).done
        began = time.monotonic()
        service.close()
        assert time.monotonic() - began < 5
        wait_until(lambda: not stream_threads())


@pytest.mark.parametrize(
    ("service_name", "method"), [(JOB_SERVICE, "ReadLogs"), (HEALTH_SERVICE, "Watch")], ids=["logs", "health"]
)
def test_half_sent_request(service, service_name, method):
    with half_sent(service.address, 1, 0) as (connection,):
        for _ in range(100):
            connection.begin(method, service_name)
        with calling(service.address) as caller:
            operation = service.simulate(60)
            for _ in range(20):
                assert caller.get(operation.id).id == operation.id
        assert not stream_threads()


@pytest.mark.parametrize("message", [b"", b"\x00\x00\x00\x00\x01\xff"], ids=["none", "one that cannot be read"])
def test_request_that_is_none(service, message):
    with half_sent(service.address, 1, 0) as (connection,):
        stream = connection.begin("ReadLogs", JOB_SERVICE)
        connection.send(stream, message)
        assert DATA not in connection.end_of(stream)
