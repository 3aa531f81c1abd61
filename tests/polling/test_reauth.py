"""Fresh credentials: fetched once for all that were refused with the same ones, whatever comes of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ds_ops_magic.connection.connection import Connection
from ds_ops_magic.connection.tokens import TemporarilyUnavailable
from ds_ops_magic.model.errors import AuthenticationError
from ds_ops_magic.polling import reauth as module
from ds_ops_magic.polling.reauth import Refresher
from tests.support.calling import on_a_loop


class Credentials(Connection):
    """Numbered credentials: a refresh runs what a test gives, and those that come are the next number."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.endpoint, self.identity = "host:1", "nobody"
        self.number = self.asked = 0
        self._work = work

    @property
    def token_generation(self) -> int:
        return self.number

    def refresh(self, token_generation: int) -> None:
        self.asked += 1
        self._work()
        self.number += 1


def refuse() -> None:
    raise AuthenticationError("gone")


def be_silent() -> None:
    raise TemporarilyUnavailable(AuthenticationError("silent"))


async def outcomes(*refreshing: Any) -> list[Any]:
    return await asyncio.gather(*refreshing, return_exceptions=True)


@on_a_loop
async def test_one_refresh_for_all_that_were_refused() -> None:
    connection = Credentials(lambda: None)
    refresher = Refresher(connection)
    assert await outcomes(*(refresher.refresh(0, 0.0) for _ in range(100))) == [None] * 100
    await refresher.refresh(0, 0.0)  # one that was refused with those before
    assert (connection.asked, connection.number) == (1, 1)
    await refresher.refresh(1, 0.0)
    assert (connection.asked, connection.number) == (2, 2)


@on_a_loop
async def test_a_failure_is_the_answer_to_all_who_were_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Credentials(refuse)
    refresher = Refresher(connection)
    began = time.monotonic()
    for _ in range(3):
        said = await outcomes(*(refresher.refresh(0, began) for _ in range(100)))
        assert {type(error) for error in said} == {AuthenticationError}
    assert connection.asked == 1
    await outcomes(refresher.refresh(0, time.monotonic()))
    assert connection.asked == 2
    await outcomes(refresher.refresh(0, began))
    assert connection.asked == 2
    monkeypatch.setattr(module, "_FAILURE_LIFETIME", 0.0)  # so that it is a while ago
    await outcomes(refresher.refresh(0, began))
    assert connection.asked == 3


@on_a_loop
async def test_a_failure_after_other_credentials_came_is_ignored() -> None:
    def renewed_beside() -> None:
        connection.number += 1
        refuse()

    connection = Credentials(renewed_beside)
    await Refresher(connection).refresh(0, 0.0)
    assert connection.asked == 1


@on_a_loop
async def test_a_later_refusal_does_not_wait_for_an_earlier_refresh() -> None:
    going = threading.Event()
    connection = Credentials(lambda: going.wait(10) if connection.asked == 1 else None)
    refresher = Refresher(connection)
    first = asyncio.create_task(refresher.refresh(0, 0.0))
    while not connection.asked:
        await asyncio.sleep(0.001)
    connection.number = 1  # others came beside, and are refused as well
    await refresher.refresh(1, 0.0)
    assert (connection.asked, connection.number) == (2, 2)
    going.set()
    await first


@on_a_loop
async def test_one_that_stops_waiting_leaves_the_refresh_to_the_others() -> None:
    going = threading.Event()
    connection = Credentials(lambda: going.wait(10))
    refresher = Refresher(connection)
    first, second = (asyncio.create_task(refresher.refresh(0, 0.0)) for _ in range(2))
    while not connection.asked:
        await asyncio.sleep(0.001)
    first.cancel()
    await outcomes(first)
    going.set()
    await second
    assert (connection.asked, connection.number) == (1, 1)


@on_a_loop
async def test_when_nobody_waits_any_more_it_is_begun_anew() -> None:
    going = threading.Event()
    connection = Credentials(lambda: going.wait(10))
    refresher = Refresher(connection)
    for times in (1, 2):
        waiting = asyncio.create_task(refresher.refresh(0, 0.0))
        while connection.asked < times:
            await asyncio.sleep(0.001)
        waiting.cancel()
        assert isinstance((await outcomes(waiting))[0], asyncio.CancelledError)
    going.set()


@on_a_loop
async def test_a_silent_source_is_asked_again_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_delay", lambda *_: 0.0)
    connection = Credentials(lambda: be_silent() if connection.asked < 5 else None)
    refresher = Refresher(connection)
    assert await outcomes(*(refresher.refresh(0, 0.0) for _ in range(100))) == [None] * 100
    assert (connection.asked, connection.number) == (5, 1)
    connection = Credentials(lambda: be_silent() if connection.asked < 3 else refuse())
    with pytest.raises(AuthenticationError, match="gone"):
        await Refresher(connection).refresh(0, 0.0)
    assert connection.asked == 3


@pytest.mark.parametrize(("work", "message"), [(be_silent, "silent"), (lambda: time.sleep(0.2), "in time")])
@on_a_loop
async def test_who_cannot_wait_for_a_silent_source_gets_an_error(work: Callable[[], object], message: str) -> None:
    with pytest.raises(AuthenticationError, match=message):
        await Refresher(Credentials(work)).refresh(0, 0.0, time.monotonic() + 0.1)


@on_a_loop
async def test_a_silent_source_is_not_asked_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_delay", lambda *_: 0.0)
    connection = Credentials(be_silent)
    refresher = Refresher(connection)
    waiting = asyncio.create_task(refresher.refresh(0, 0.0))
    while connection.asked < 3:
        await asyncio.sleep(0.001)
    waiting.cancel()
    await outcomes(waiting)
    assert len(asyncio.all_tasks()) <= 2  # this one, and the one that is being cancelled
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


def test_a_silent_source_is_asked_at_growing_intervals() -> None:
    assert [module._delay(attempts, 0.5) for attempts in range(8)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert module._delay(10**6, 1.0) == 12.5
