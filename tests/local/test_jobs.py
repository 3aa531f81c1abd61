"""Callables as operations, on threads and other executors."""

from __future__ import annotations

import functools
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ds_ops_magic.local import LocalService, Reporter
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.payload import to_plain
from tests.support.local_service import count, ended, process_id, started, until_cancelled, wait_until


def test_returned_value_is_the_response(service):
    operation = service.submit(lambda a, b: {"sum": a + b}, 1, b=2, description="add")
    assert operation.description == "add"
    assert not operation.done
    end = ended(service, operation.id)
    assert end.status is Status.SUCCEEDED
    assert to_plain(end.result()) == {"sum": 3}


def test_exception_is_the_error(service):
    def fails():
        raise ValueError("its message")

    end = ended(service, service.submit(fails).id)
    assert (end.status, end.error.name, end.error.message) == (Status.FAILED, "UNKNOWN", "ValueError: its message")
    (where,) = end.error.details
    assert 'in fails: raise ValueError("its message")' in where.stack_entries[0]
    assert len(where.stack_entries) == 1, "our own frames say nothing"


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "message"),
    [
        (count, (3,), {"nonsense": 1}, "TypeError: .*nonsense"),
        (sys.exit, (3,), {}, "SystemExit: 3$"),
    ],
)
def test_errors_that_leave_the_worker_running(service, function, args, kwargs, message):
    assert re.match(message, ended(service, service.submit(function, *args, **kwargs).id).error.message)
    assert ended(service, service.submit(lambda: 1).id).status is Status.SUCCEEDED


def test_progress(service):
    go_on = threading.Event()

    def job(reporter):
        for step, fraction in enumerate((0.29, 1.5, float("nan"), -1)):
            reporter.progress(fraction, f"step {step}\n")
            assert go_on.wait(20)
            go_on.clear()

    operation = service.submit(job)
    seen = []
    for step in range(4):
        shown = wait_until(lambda step=step: (f := service.get(operation.id)).progress.text == f"step {step}" and f)
        seen.append(shown.progress.fraction)
        assert shown.metadata.progress.create_time.ToNanoseconds() == shown.to_proto().modified_at.ToNanoseconds()
        go_on.set()
    assert seen == [0.29, 1.0, 1.0, 0.0]
    assert ended(service, operation.id).progress.text == "step 3"


def test_same_progress_is_written_once(service):
    operation = service.simulate(100)
    reporter = Reporter(service.path, operation.id)
    reporter.progress(0.5, "half")
    before = reporter._open().read(operation.id)
    reporter.progress(0.5, "half")
    assert reporter._open().read(operation.id) == before
    reporter.progress(0.51, "half")
    assert reporter._open().read(operation.id).modified_at > before.modified_at
    reporter.close()


class Trainer:
    def fit(self, epochs, *, reporter):
        return f"{epochs} {type(reporter).__name__}"


def optional(epochs, reporter=None):
    return f"{epochs} {type(reporter).__name__}"


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "gives"),
    [
        (Trainer().fit, (3,), {}, "3 Reporter"),
        (optional, (3,), {}, "3 Reporter"),
        (optional, (3, "mine"), {}, "3 str"),
        (optional, (3,), {"reporter": "mine"}, "3 str"),
        (functools.partial(optional, 3), (), {}, "3 Reporter"),
        (functools.partial(optional, reporter="mine"), (3,), {}, "3 str"),
        (lambda **kwargs: str(sorted(kwargs)), (), {"a": 1}, "['a']"),
        (lambda *reporter: str(reporter), (), {}, "()"),
        (str, (3,), {}, "3"),
    ],
)
def test_reporter_argument(service, function, args, kwargs, gives):
    assert ended(service, service.submit(function, *args, **kwargs).id).result().string_value == gives


async def later():
    pass


@pytest.mark.parametrize("what", [3, None, "name", later])
def test_not_callable(service, what):
    with pytest.raises(TypeError, match=r"^submit takes a callable that is no coroutine function, not .*\.$"):
        service.submit(what)
    assert service.operations() == []


def test_cancel(service):
    operation = service.submit(until_cancelled)
    wait_until(lambda: service.get(operation.id).progress.text == "waiting")
    answer = service.cancel(operation.id)
    assert (answer.status_word, answer.error.code, answer.done) == ("cancelling", 1, False)
    end = ended(service, operation.id)
    assert (end.status, end.progress.fraction) == (Status.CANCELLED, 0.25)
    assert service.cancel(operation.id) == end


def test_cancel_passes_except_exception(service):
    def stubborn(reporter):
        for _ in range(1_000_000):
            try:
                reporter.check()
            except Exception:
                reporter.progress(1, "ate it")

    operation = service.submit(stubborn)
    wait_until(lambda: started(service, operation))
    service.cancel(operation.id)
    end = ended(service, operation.id)
    assert (end.status, end.progress.text) == (Status.CANCELLED, None)


def test_cancel_before_start():
    with ThreadPoolExecutor(1) as pool, LocalService(executor=pool) as service:
        go_on, ran = threading.Event(), threading.Event()
        first = service.submit(go_on.wait, 20)
        waiting = service.submit(ran.set)
        answer = service.cancel(waiting.id)
        assert (answer.status_word, answer.done) == ("cancelling", False)
        assert service.get(waiting.id).status is Status.CANCELLED, "at once, though the pool is still busy"
        go_on.set()
        assert ended(service, first.id).status is Status.SUCCEEDED
        last = service.submit(lambda: 1)
        ended(service, last.id)
        assert not ran.is_set()


def test_executor_that_is_shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with LocalService(executor=pool) as service:
        with pytest.raises(RuntimeError, match="shutdown"):
            service.submit(process_id)
        assert service.operations() == []
