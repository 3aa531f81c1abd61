"""Requests that never arrive whole delay no other call, and are ended."""

from __future__ import annotations

import secrets
import threading
import time

import pytest

from ds_ops_magic.local import LocalService, request_threads
from ds_ops_magic.local.request_threads import RequestThreads
from tests.support.half_sent import DATA, HEADERS, MAX_CONCURRENT_STREAMS, half_sent
from tests.support.local_service import DEADLINE, calling, ended, wait_until

_TOKEN = secrets.token_urlsafe()
_LONG = 1000.0
MESSAGE = b"\x00\x00\x00\x00\x16\x0a\x14"  # of 22 bytes, not compressed; its first field has 20


def threads_of(name):
    return [thread for thread in threading.enumerate() if thread.name == name]


@pytest.fixture
def limits(monkeypatch):
    def set_limits(seconds, max_threads=request_threads.MAX_THREADS):
        monkeypatch.setattr(request_threads, "REQUEST_TIMEOUT", seconds)
        monkeypatch.setattr(request_threads, "MAX_THREADS", max_threads)

    return set_limits


@pytest.mark.parametrize("token", [_TOKEN, None], ids=["token", "no token"])
@pytest.mark.parametrize("max_threads", [256, 16])
@pytest.mark.parametrize("listen", [None, "127.0.0.1:0"], ids=["unix socket", "port"])
def test_calls_beside_200_half_sent_requests(limits, listen, token, max_threads):
    limits(_LONG, max_threads)
    with LocalService(listen=listen, token=_TOKEN) as service:
        operation = service.simulate(60)
        with half_sent(service.address, 5, 40, token), calling(service.address, _TOKEN) as caller:
            for _ in range(50):
                assert caller.get(operation.id).id == operation.id
            assert caller.cancel(operation.id).status_word == "cancelling"


def test_token_is_checked_first(limits):
    limits(_LONG)
    with LocalService(listen="127.0.0.1:0", token=_TOKEN) as service:
        for wrong in (None, "wrong"):
            with half_sent(service.address, 1, 0, wrong) as (connection,):
                assert connection.end_of(connection.begin("Cancel"))[0] == HEADERS, "the status, in its trailers"


def test_request_timeout(limits):
    limits(0.2)
    with LocalService(listen="127.0.0.1:0", token=_TOKEN) as service:
        with half_sent(service.address, 1, 0, _TOKEN) as (connection,):
            empty, part = connection.begin(), connection.begin("Cancel")
            connection.send(part, MESSAGE, end=False)
            began = time.monotonic()
            assert DATA not in connection.end_of(empty)
            assert DATA not in connection.end_of(part)
            assert time.monotonic() - began >= 0.1
        wait_until(lambda: len(threads_of("ds_ops_magic service")) <= 9)


def test_request_in_parts(limits):
    limits(_LONG)
    with LocalService(listen="127.0.0.1:0") as service, half_sent(service.address, 1, 0) as (connection,):
        operation = service.simulate(0)
        stream = connection.begin()
        for part in (MESSAGE[:3], MESSAGE[3:], operation.id.encode()[:5]):
            connection.send(stream, part, end=False)
        connection.send(stream, operation.id.encode()[5:])
        assert connection.end_of(stream) == [HEADERS, DATA, HEADERS]


@pytest.mark.parametrize("message", [b"", b"\x00\x00\x00\x00\x01\xff"], ids=["none", "one that cannot be read"])
def test_invalid_request(message):
    with LocalService(listen="127.0.0.1:0") as service, half_sent(service.address, 1, 0) as (connection,):
        stream = connection.begin()
        connection.send(stream, message)
        assert connection.end_of(stream) == [HEADERS]


def test_max_concurrent_streams():
    with LocalService(listen="127.0.0.1:0") as service, half_sent(service.address, 1, 0) as (connection,):
        assert connection.settings()[MAX_CONCURRENT_STREAMS] == 1000


def test_close_with_half_sent_requests(limits):
    limits(_LONG)
    with LocalService(listen="127.0.0.1:0") as service, half_sent(service.address, 1, 40):
        with calling(service.address) as caller:
            caller.get(service.simulate(0).id)
        began = time.monotonic()
        service.close()
        assert time.monotonic() - began < DEADLINE / 2
    wait_until(lambda: not threads_of("ds_ops_magic service"))


@pytest.fixture
def executor():
    executor = RequestThreads("requests", _LONG, 40)
    yield executor
    executor.shutdown()
    wait_until(lambda: not threads_of("requests"))


def test_blocked_threads(executor):
    go_on = threading.Event()
    blocked = [executor.submit(go_on.wait, DEADLINE) for _ in range(30)]
    assert executor.submit(int, "7").result(DEADLINE) == 7
    go_on.set()
    assert all(future.result(DEADLINE) for future in blocked)
    wait_until(lambda: len(threads_of("requests")) <= 9)


def test_max_threads(executor):
    go_on = threading.Event()
    blocked = [executor.submit(go_on.wait, DEADLINE) for _ in range(100)]
    wait_until(lambda: len(threads_of("requests")) == 41)  # and the one that watches
    go_on.set()
    assert all(future.result(DEADLINE) for future in blocked)


def test_requests_that_take_a_moment(executor, monkeypatch):
    monkeypatch.setattr(request_threads, "_MOMENT", DEADLINE)
    go_on, cancelled = threading.Event(), []

    def requests(number):
        assert go_on.wait(DEADLINE)
        yield number

    def receive(number):
        return executor.receive(requests(number), lambda: cancelled.append(number))

    received = [executor.submit(receive, number) for number in range(80)]  # twice as many as there may be threads
    wait_until(lambda: len(threads_of("requests")) == 41)
    time.sleep(5 * request_threads._STALL)  # seen as stalled, several times
    go_on.set()
    assert [future.result(DEADLINE) for future in received] == list(range(80))
    assert not cancelled


def test_no_more_threads(executor, no_threads):
    with no_threads:
        assert [executor.submit(int, number).result(DEADLINE) for number in range(20)] == list(range(20))


def test_many_calls():
    with LocalService(listen="127.0.0.1:0") as service, calling(service.address) as caller:
        operation = ended(service, service.submit(int).id)
        asked = [caller.later(operation.id) for _ in range(900)]
        assert {future.result(DEADLINE).id for future in asked} == {operation.id}
