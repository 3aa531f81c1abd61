"""The poller: a fork that finds it busy."""

from __future__ import annotations

import threading

import pytest

from tests.support.following import connections_to, until
from tests.support.recording import Recorder, poller_of
from tests.support.scripted import ScriptedServer, message


def test_a_fork_that_cannot_wait_for_a_busy_poller_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.polling.poller._FORK_TIMEOUT", 0.05)
    busy, listener = threading.Event(), Recorder()
    with ScriptedServer(lambda call: message(call.id)) as server, poller_of(server) as poller:
        poller.follow(["a"], listener)
        until(lambda: listener.seen())
        for _ in range(2):
            poller._background.soon(busy.wait, 5)
            poller.before_fork()
            poller.after_fork_in_parent()
        busy.set()
        assert poller.get("b").result(5).id == "b"
        asked = server.gets("a")
        until(lambda: server.gets("a") > asked + 2)
        assert connections_to(server) == 1
