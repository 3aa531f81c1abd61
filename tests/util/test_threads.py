"""Daemon threads as an executor: order, limits, ends, and nothing lost."""

from __future__ import annotations

import _thread
import signal
import threading
from concurrent import futures

import pytest

from ds_ops_magic.util.threads import DaemonThreads, ThreadLimitReached, join_all, uninterrupted
from tests.support.following import DEADLINE, until


def running(name="a job"):
    return [thread for thread in threading.enumerate() if thread.name == name]


@pytest.fixture
def executor():
    executor = DaemonThreads("a job", 2)
    yield executor
    executor.shutdown(cancel_futures=True)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_results_and_errors_are_in_the_futures(executor, error):
    def fail():
        raise error

    assert executor.submit(int, "11", base=2).result(DEADLINE) == 3
    assert executor.submit(fail).exception(DEADLINE) is error
    assert executor.submit(int).result(DEADLINE) == 0, "the thread outlived it"


def test_number_and_order(executor):
    begun, go_on, order = threading.Semaphore(0), threading.Event(), []

    def work(number):
        begun.release()
        assert go_on.wait(DEADLINE)
        order.append(number)

    going = [executor.submit(work, number) for number in range(2)]
    for _ in going:
        assert begun.acquire(timeout=DEADLINE)
    later = executor.submit(order.append, "later")
    assert [thread.daemon for thread in running()] == [True, True]
    assert not later.running()
    go_on.set()
    later.result(DEADLINE)
    assert order.index("later") > 0


def test_idle_threads_end_and_others_begin(executor):
    for number in range(3):
        assert executor.submit(lambda number=number: number).result(DEADLINE) == number
        until(lambda: not running())


def test_nothing_is_lost_and_nothing_runs_twice(executor):
    ran = []
    with futures.ThreadPoolExecutor(8) as many:
        going = list(many.map(lambda number: executor.submit(ran.append, number), range(400)))
    for future in going:
        future.result(DEADLINE)
    assert sorted(ran) == list(range(400))


def test_cancelled_work_does_not_run(executor):
    go_on, ran = threading.Event(), threading.Event()
    going = [executor.submit(go_on.wait, DEADLINE) for _ in range(2)]
    waiting = executor.submit(ran.set)
    assert waiting.cancel()
    go_on.set()
    futures.wait([*going, waiting], DEADLINE)
    until(lambda: not running())
    assert not ran.is_set()


@pytest.mark.parametrize("cancel", [True, False])
def test_shutdown_waits_for_what_it_does_not_cancel(executor, cancel):
    go_on, ending = threading.Event(), threading.Event()
    going = [executor.submit(go_on.wait, DEADLINE) for _ in range(2)]
    waiting = executor.submit(lambda: "ran")
    until(lambda: all(future.running() for future in going))  # else they would be dropped too
    waiter = threading.Thread(target=lambda: (executor.shutdown(cancel_futures=cancel), ending.set()))
    waiter.start()
    if cancel:
        until(waiting.cancelled)
    assert not ending.is_set()
    go_on.set()
    assert ending.wait(DEADLINE)
    waiter.join()
    assert all(future.done() for future in going)
    assert waiting.cancelled() if cancel else waiting.result(0) == "ran"
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)


def test_without_a_thread_nothing_is_left_waiting(executor, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        with pytest.raises(ThreadLimitReached, match="can't start new thread"):
            executor.submit(int)
    assert executor.submit(int).result(DEADLINE) == 0


def test_at_the_limit_the_threads_that_run_take_it(executor, monkeypatch):
    go_on = threading.Event()
    first = executor.submit(go_on.wait, DEADLINE)
    monkeypatch.setattr(threading.Thread, "start", no_more)
    second = executor.submit(int)
    go_on.set()
    assert first.result(DEADLINE)
    assert second.result(DEADLINE) == 0


def test_uninterrupted_runs_apart_from_the_main_thread(executor):
    assert uninterrupted(threading.current_thread) is not threading.main_thread()
    with pytest.raises(ValueError, match="no"):
        uninterrupted(lambda: int("no"))
    until(lambda: not running("ds_ops_magic"))
    where = executor.submit(lambda: (threading.current_thread(), uninterrupted(threading.current_thread)))
    assert len(set(where.result(DEADLINE))) == 1


def test_an_interrupt_ends_only_the_waiting():
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        assert go_on.wait(DEADLINE)
        ended.set()

    def interrupt():
        assert begun.wait(DEADLINE)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        uninterrupted(work)
    interrupter.join()
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(DEADLINE)


def test_uninterrupted_without_a_thread_runs_here(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", no_more)
    assert uninterrupted(lambda: 7) == 7
    monkeypatch.setattr(_thread, "start_new_thread", no_more)
    assert uninterrupted(lambda: 7) == 7


def no_more(*_):
    raise RuntimeError("can't start new thread")


def test_join_all(executor):
    go_on = threading.Event()
    executor.submit(go_on.wait, DEADLINE)
    join_all("a job", 0.01)
    assert running()
    go_on.set()
    join_all("a job", DEADLINE)
    assert not running()
