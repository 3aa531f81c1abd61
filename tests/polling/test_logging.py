"""What the loggers say at DEBUG: calls, changes, retries and outages; never a token, and never what was answered."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from ds_ops_magic.model.errors import OperationNotFound
from tests.support.following import client_of, until
from tests.support.scripted import Call, ScriptedServer, message

Code = grpc.StatusCode
OLD, NEW = "t1.0ld-s3cr3t", "t1.n3w-s3cr3t"


def logged(caplog: pytest.LogCaptureFixture, pattern: str) -> list[str]:
    lines = [f"{record.name.rpartition('.')[2]}: {record.getMessage()}" for record in caplog.records]
    return [line for line in lines if re.fullmatch(pattern, line)]


@pytest.fixture(autouse=True)
def at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ds_ops_magic")


def test_the_course_of_a_wait(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", OLD)
    steps: list[Callable[[Call], Any]] = [
        lambda call: call.refuse(Code.UNAVAILABLE, f"Bearer {OLD}"),
        lambda call: message(call.id, description="its payload"),
        lambda call: monkeypatch.setenv("TOKEN", NEW) or call.refuse(Code.UNAUTHENTICATED, f"not {OLD}"),
        lambda call: b"\xff",
        lambda call: message(call.id, description=f"{OLD} {NEW}", done=True),
    ]

    def get(call: Call) -> Any:
        return call.refuse(Code.NOT_FOUND, "its message") if call.id == "gone" else steps[call.number - 1](call)

    with ScriptedServer(get, lambda call: message(call.id)) as server:
        with client_of(server, token_env="TOKEN") as client:
            assert client.wait("a", 10).done
            assert client.cancel("b").id == "b"
            with pytest.raises(OperationNotFound):
                client.get("gone")
        address = re.escape(server.address)
    codes = ["UNAVAILABLE", "OK", "UNAUTHENTICATED", "OK", "OK"]
    calls = logged(caplog, r"host: Get a: \w+ in \d+ ms")
    assert [line.split()[3] for line in calls] == codes
    assert logged(caplog, r"host: a: \w+, next try in \d+ ms") != []
    assert logged(caplog, r"tracker: a: .*, before: .*") == [
        "tracker: a: RUNNING, before: not seen",
        "tracker: a: SUCCEEDED, before: RUNNING",
    ]
    assert logged(caplog, rf"channel: open a channel to {address}")
    assert logged(caplog, r"channel: closed the channel")
    assert logged(caplog, r"health: the service answers again after \d+\.\d s and 1 calls without an answer")
    assert logged(caplog, r"reauth: the credentials were refreshed")
    assert logged(caplog, r"host: (Cancel b: OK|Get gone: NOT_FOUND) in \d+ ms") != []
    for never in (OLD, NEW, "its payload", "its message", "Bearer"):
        assert never not in caplog.text


def test_an_id_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(lambda call: message(call.id, done=True)) as server, client_of(server) as client:
        assert client.wait("a\nb", 10).done
    assert logged(caplog, r"host: Get a b: OK in \d+ ms")
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


def test_an_outage_and_the_end_of_a_wait(caplog: pytest.LogCaptureFixture) -> None:
    server = ScriptedServer(lambda call: message(call.id))
    with client_of(server) as client:  # of so many, each has a call that fails before the outage shows
        watch = client.watch(*"abcdefghijkl")
        until(lambda: all(watch.operations))
        server.stop()
        until(lambda: logged(caplog, r"health: the service is away: 8 calls in a row brought no answer"))
        with ScriptedServer(lambda call: call.refuse(Code.NOT_FOUND), port=server.port):
            until(lambda: watch.done)
    assert len(logged(caplog, r"tracker: [a-l]: the wait ends with OperationNotFound")) == 12
