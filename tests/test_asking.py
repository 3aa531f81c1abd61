"""Questions that nobody waits for any more: what was not sent yet is withdrawn, and holds up nobody."""

from __future__ import annotations

import concurrent.futures
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ds_ops_magic import asking
from ds_ops_magic.client import OperationClient
from ds_ops_magic.model import errors
from tests.support.following import client_of, lasting, until
from tests.support.scripted import Call, ScriptedServer, message

RATE = 20.0  # calls a second, five of them at once
NAMES = [f"o{number}" for number in range(300)]


def stopping_at(number: int) -> Callable[[Call], Any]:
    """Press Stop when so many calls about the names have come in; answer all."""
    lock, came = threading.Lock(), 0

    def answer(call: Call) -> Any:
        nonlocal came
        with lock:
            came += call.id in NAMES
            if came == number and call.id in NAMES:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        return message(call.id)

    return answer


@pytest.mark.parametrize("ask", [OperationClient.cancel_all, OperationClient.get_all])
def test_stop_withdraws_what_was_not_sent(ask: Callable[..., Any]) -> None:
    answer = stopping_at(8)
    with ScriptedServer(answer, answer) as server, client_of(server, rate=RATE) as client:
        client.get("first")
        with lasting(0.0, 2.0), pytest.raises(KeyboardInterrupt) as caught:  # whichever: it must not end the tests
            ask(client, NAMES)
        assert caught.type is errors.WaitInterrupted
        asked = sum(server.calls.values())
        with lasting(0.0, 1.0):
            client.get("next")  # its turn comes at once
        long_after = time.monotonic() + 0.5
        until(lambda: time.monotonic() > long_after)
        assert sum(server.calls.values()) <= asked + 2


def test_what_a_peek_gave_up_on_is_withdrawn() -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, client_of(server, rate=RATE) as client:
        client.get("first")
        # Five at once and 20 more in this second; in less than that a busy machine may answer none.
        assert 1 <= len(client.peek(NAMES, 1.0)) <= 26
        with lasting(0.0, 1.0):
            client.get("next")
        assert server.gets() <= 34


def test_what_a_peek_sent_in_vain_holds_up_nobody() -> None:
    def answer(call: Call) -> Any:
        return call.hang() if call.id in NAMES else message(call.id)

    with ScriptedServer(answer) as server, client_of(server) as client:
        client.get("first")
        assert client.peek(NAMES, 1.0) == {}
        assert server.gets() == 17  # as many as go at once
        with lasting(0.0, 1.0):
            client.get("next")


def test_stop_before_all_were_asked_is_the_same_stop() -> None:
    def ask(name: str) -> Any:
        if name == "o2":
            raise KeyboardInterrupt
        return concurrent.futures.Future()

    with pytest.raises(KeyboardInterrupt) as caught:
        asking.peek(ask, NAMES, None, 1.0)
    assert caught.type is errors.WaitInterrupted
