"""The tracker: changes are reported, what has ended or is dropped is asked about no more, a cancel shows at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from ds_ops_magic.model.estimates import Durations
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.view import Update
from ds_ops_magic.polling.schedule import Schedule
from tests.support.following import lasting, until
from tests.support.recording import Recorder, poller_of
from tests.support.scripted import Call, ScriptedServer, message

Code = grpc.StatusCode


def course(*steps: dict[str, Any]) -> Callable[[Call], Any]:
    """Answer with one step after the other, described by its number; the last for ever."""
    made = [message("a", description=str(number), **step) for number, step in enumerate(steps)]
    return lambda call: made[min(call.number, len(made)) - 1]


@pytest.mark.parametrize(
    ("steps", "seen"),
    [
        ([{}, {}, {"done": True}], ["0", "1", "2"]),
        ([{"modified": 5}, {"modified": 9}, {"modified": 7}, {"modified": 4, "done": True}], ["0", "3"]),
        ([{"modified": 5}, {"modified": 60, "done": True}], ["0", "1"]),
        ([{"done": True}], ["0"]),
        ([{"error": (8, "failing")}, {"error": (8, "failed"), "done": True}], ["0", "1"]),
    ],
)
def test_what_is_newer_is_told_and_what_is_older_is_not(steps: list[dict[str, Any]], seen: list[str]) -> None:
    listener = Recorder()
    with ScriptedServer(course(*steps)) as server, poller_of(server) as poller:
        poller.follow(["a"], listener)
        until(lambda: listener.ended("a"))
        assert listener.seen() == seen
        assert server.gets("a") == len(steps)  # and not once more after the end


def test_an_answer_of_no_bytes_is_one() -> None:
    """An operation of which everything is as by default takes none."""
    listener = Recorder()

    def answer(call: Call) -> Any:
        return b"" if call.number < 3 else message("a", done=True)

    with ScriptedServer(answer) as server, poller_of(server) as poller:
        poller.follow(["a"], listener)
        until(lambda: listener.ended("a"))
    assert [update.after.id for update in listener.updates] == ["", "a"]


def test_a_listener_that_fails_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Recorder):
        def on_updates(self, updates: list[Update]) -> None:
            super().on_updates(updates)
            raise RuntimeError("a fault of a listener")

    failing, other = Failing(), Recorder()
    script = course({}, {"done": True})
    with caplog.at_level(logging.ERROR), ScriptedServer(script) as server, poller_of(server) as poller:
        poller.follow(["a"], failing)
        poller.follow(["a"], other)
        until(lambda: other.ended("a"))
    assert failing.updates == other.updates
    assert "a fault of a listener" in caplog.text


def test_how_long_its_kind_takes_counts_when_it_is_asked_about_again() -> None:
    """At 60 s of age, a kind that takes a minute is asked about twice as often as others."""
    paced = Schedule(fraction=0.0, shortest=0.2, longest=0.2, jitter=0.0)
    knowing, ignorant = Recorder(), Recorder()
    knowing.durations[""] = Durations(tuple(60.0 + second for second in range(20)))
    with ScriptedServer(lambda call: message(call.id, age=60.0)) as server, poller_of(server, schedule=paced) as poller:
        poller.follow(["known"], knowing)
        poller.follow(["unknown"], ignorant)
        until(lambda: server.gets("unknown") >= 8)
        assert server.gets("known") > 1.3 * server.gets("unknown")


def test_what_nobody_follows_is_not_asked_for() -> None:
    one, other = Recorder(), Recorder()
    with ScriptedServer(lambda call: message(call.id)) as server, poller_of(server) as poller:
        poller.follow(["a", "b"], one)
        poller.follow(["b"], other)
        until(lambda: one.seen("a") and other.seen("b"))
        poller.unfollow(["a", "b", "never followed"], one)
        poller.unfollow(["a"], other)  # it never did
        poller.get("b").result(5)  # by now that has been heard
        asked, seen = server.gets("a"), len(one.updates)
        until(lambda: server.gets("b") >= 10)
        assert (server.gets("a"), len(one.updates)) == (asked, seen)


def test_letting_go_gives_up_the_call_that_is_under_way() -> None:
    given_up = threading.Event()

    def answer(call: Call) -> Any:
        call.context.add_callback(given_up.set)
        call.hang()

    listener = Recorder()
    with ScriptedServer(answer) as server, poller_of(server, connect_timeout=60) as poller:
        poller.follow(["a"], listener)
        until(lambda: server.gets("a"))
        poller.unfollow(["a"], listener)
        until(given_up.is_set)


def test_an_id_dropped_and_followed_again_at_once_is_answered() -> None:
    with ScriptedServer(lambda call: message(call.id, done=True)) as server, poller_of(server) as poller:
        for number in range(80):
            first, second = Recorder(), Recorder()
            asked = server.gets("a")
            poller.follow(["a"], first)
            if number % 3:
                until(lambda asked=asked: server.gets("a") > asked)
            poller.unfollow(["a"], first)
            poller.follow(["a"], second)
            until(lambda second=second: second.ended("a"), 5.0)


def test_an_id_dropped_before_its_question_takes_no_room() -> None:
    busy, listener = threading.Event(), Recorder()
    with ScriptedServer(lambda call: message(call.id, done=True)) as server, poller_of(server) as poller:
        poller._background.soon(busy.wait, 5)
        for number in range(200):
            poller.follow([f"o{number}"], listener)
            poller.unfollow([f"o{number}"], listener)
        poller.follow(["a"], listener)
        busy.set()
        until(lambda: listener.ended("a"), 5.0)


def test_a_cancel_is_told_as_the_newest_snapshot_and_asked_about_soon() -> None:
    slow = Schedule(shortest=0.05, longest=60.0)  # of an operation that is an hour old
    last: list[int] = []

    def cancel(call: Call) -> Any:
        last.append(server.gets("a") + 3)
        return message(call.id, error=(1, "by user"), age=3600)

    def get(call: Call) -> Any:
        if not last:
            return message(call.id, age=3600)
        return message(call.id, age=3600, error=(1, "by user"), done=call.number >= last[0])

    listener = Recorder()
    with ScriptedServer(get, cancel) as server, poller_of(server, schedule=slow) as poller, lasting(0.0, 2.0):
        poller.follow(["a"], listener)
        until(lambda: listener.seen())
        poller.cancel_followed(["a"])
        until(lambda: listener.ended("a"))
        assert server.cancels("a") == 1
    states = [update.after.status for update in listener.updates if update.after]
    assert states == [Status.RUNNING, Status.FAILING, Status.FAILING, Status.FAILING, Status.CANCELLED]


def test_the_answer_to_a_cancel_is_kept_as_the_bytes_that_came() -> None:
    """So that the same bytes in answer to a Get are no news, though a serialization of ours would differ."""
    data = message("a", error=(1, "by user"), modified=-60.0).SerializeToString()
    data = data + b"\x0a\x01a"  # the id once more
    listener = Recorder()

    def get(call: Call) -> Any:
        return data if server.cancels("a") else message(call.id)

    with ScriptedServer(get, lambda call: data) as server, poller_of(server) as poller:
        poller.follow(["a"], listener)
        until(lambda: listener.seen())
        poller.cancel_followed(["a"])
        until(lambda: len(listener.updates) >= 2)
        asked = server.gets("a")
        until(lambda: server.gets("a") > asked + 3)
        assert [update.after.status for update in listener.updates] == [Status.RUNNING, Status.FAILING]


def test_the_silence_is_counted_from_when_somebody_listens() -> None:
    with ScriptedServer(Call.hang) as server, poller_of(server, connect_timeout=0.4) as poller:
        early, late = Recorder(), Recorder()
        poller.follow(["a"], early)
        until(lambda: server.gets("a"))
        poller.unfollow(["a"], early)
        long_after = time.monotonic() + 0.5
        until(lambda: time.monotonic() > long_after)
        with lasting(0.35, 2.0):
            poller.follow(["b"], late)
            until(lambda: late.ended("b"))
        assert late.seen("b") == ["ServiceUnavailable"]
        assert early.updates == []
