"""Single requests and followed operations share one rate: neither keeps the other from being asked."""

from __future__ import annotations

import pytest

from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.polling.poller import Poller
from tests.support.following import lasting, until
from tests.support.recording import Recorder, poller_of
from tests.support.scripted import ScriptedServer, message


@pytest.mark.parametrize("ask", [Poller.get, Poller.cancel])
def test_a_storm_of_single_requests_leaves_followed_operations_their_share(ask: str) -> None:
    names = [f"o{number}" for number in range(10)]
    with (
        ScriptedServer(lambda call: message(call.id), lambda call: message(call.id)) as server,
        poller_of(server, rate=100.0) as poller,
    ):
        listener = Recorder()
        poller.follow(names, listener)
        until(lambda: all(server.gets(name) for name in names))
        before = sum(server.gets(name) for name in names)
        ended = [ask(poller, f"single{number}") for number in range(150)]
        until(lambda: all(single.done for single in ended))
        asked = sum(server.gets(name) for name in names) - before
        assert 75 <= asked <= 300, asked  # a fair share is as many as there were single requests
        assert min(server.gets(name) for name in names) > 3


def test_a_single_request_does_not_wait_for_thousands_that_are_due() -> None:
    names = [f"o{number}" for number in range(2000)]
    with ScriptedServer(lambda call: message(call.id)) as server, poller_of(server, rate=50.0) as poller:
        listener = Recorder()
        poller.follow(names, listener)
        until(lambda: server.gets() > 20)
        with lasting(0.0, 1.0):
            ended = [poller.get(f"single{number}") for number in range(10)]
            until(lambda: all(single.done for single in ended))
        assert sum(server.gets(f"single{number}") for number in range(10)) == 10


def test_what_is_given_up_takes_no_turn() -> None:
    with ScriptedServer(lambda call: message(call.id)) as server:
        with poller_of(server, rate=2.0) as poller:
            listener = Recorder()
            poller.follow(["a"], listener)
            until(lambda: server.gets("a"))
            singles = [poller.get(f"single{number}") for number in range(50)]
        for single in singles[10:]:
            with pytest.raises(OperationsError):
                single.result(5)
        assert server.gets() < 20
