"""The arguments of a wait: how long it may take, and what ends it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ds_ops_magic.model import errors
from ds_ops_magic.model.waiting import Deadline, ReturnWhen
from ds_ops_magic.util.threads import LONGEST_SLEEP
from tests.support.following import client_of
from tests.support.scripted import ScriptedServer, Stage, message, running_then

Wait = Callable[..., Any]
GROUPS = {
    "wait_all": lambda client, *how: client.wait_all(["a", "b"], *how),
    "wait_all_async": lambda client, *how: asyncio.run(client.wait_all_async(["a", "b"], *how)),
    "watch": lambda client, *how: client.watch("a", "b").wait(*how),
    "ticking": lambda client, *how: client.watch("a", "b").wait(*how, tick=lambda: None),
    "watch async": lambda client, *how: asyncio.run(client.watch("a", "b").wait_async(*how)),
}
ALL_WAYS = {
    **GROUPS,
    "wait": lambda client, *how: client.wait("a", *how),
    "wait_async": lambda client, *how: asyncio.run(client.wait_async("a", *how)),
}
WAYS = pytest.mark.parametrize("wait", ALL_WAYS.values(), ids=ALL_WAYS)


@WAYS
@pytest.mark.parametrize("timeout", [math.inf, 1e300, 1e10, 10**400])
def test_a_deadline_may_be_as_far_as_one_likes(wait: Wait, timeout: float) -> None:
    with ScriptedServer(running_then(message(done=True))) as server, client_of(server) as client:
        assert wait(client, timeout)


@WAYS
@pytest.mark.parametrize("timeout", [math.nan, "5", "inf", [], timedelta(seconds=5)], ids=repr)
def test_a_timeout_that_is_no_number(wait: Wait, timeout: Any) -> None:
    kind = ValueError if isinstance(timeout, float) else TypeError
    with ScriptedServer(Stage()) as server, client_of(server) as client:
        with pytest.raises(kind) as caught:
            wait(client, timeout)
        assert str(caught.value) == f"timeout is a number of seconds, or None to wait for ever, not {timeout!r}"


@WAYS
def test_a_negative_timeout(wait: Wait) -> None:
    """What is left of a deadline of the caller's own may be negative."""
    timeout = pytest.raises(errors.WaitTimeout, match="not done")
    with ScriptedServer(Stage()) as server, client_of(server) as client, timeout:
        wait(client, -1)


@pytest.mark.parametrize("return_when", ["FIRST", "first", None, 1], ids=repr)
@pytest.mark.parametrize("wait", GROUPS.values(), ids=GROUPS)
def test_an_unknown_return_when(wait: Wait, return_when: Any) -> None:
    refusal = pytest.raises(ValueError, match="return_when is ALL, FIRST or FIRST_FAILURE of ds_ops_magic, not")
    with ScriptedServer(Stage()) as server, client_of(server) as client, refusal:
        wait(client, 5, return_when)


def test_no_sleep_is_longer_than_any_clock_can_take() -> None:
    lasting = Deadline.of(math.inf, ReturnWhen.ALL, 7.0, 30.0)
    assert lasting.sleep(7.0) == LONGEST_SLEEP < threading.TIMEOUT_MAX
    assert Deadline.of(None, ReturnWhen.ALL, 7.0, 30.0).sleep(7.0) == LONGEST_SLEEP
    assert Deadline.of(5, ReturnWhen.ALL, 7.0, 30.0).sleep(11.5) == 0.5
    assert not Deadline.of(5, ReturnWhen.ALL, 7.0, 30.0).is_late(11.9)
    assert Deadline.of(5, ReturnWhen.ALL, 7.0, 30.0).is_late(12.0)
    once = Deadline.of(0, ReturnWhen.ALL, 7.0, 30.0)
    assert (once.once, once.sleep(36.5)) == (True, 0.5)
