"""One call at a time: answers as the bytes that came, and how they are read."""

from __future__ import annotations

import pytest

from ds_ops_magic.model.errors import UnreadableAnswer
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.polling.channel import MAX_ANSWER
from ds_ops_magic.polling.host import Host, read
from ds_ops_magic.polling.retry import CallFailed
from tests.support.calling import calling, failure_of
from tests.support.scripted import Call, ScriptedServer, message

BROKEN = b"\x0a\x02\xff\xfe"  # an id that is no UTF-8


def test_answers_come_as_the_bytes_that_were_sent() -> None:
    sent = [message("a", done=True).SerializeToString(), BROKEN, b"", b"\x00" * 1000]
    with ScriptedServer(lambda call: sent[call.number - 1], lambda call: b"cancel " + call.id.encode()) as server:

        async def work(host: Host) -> list[bytes]:
            return [*[await host.get("a", 5) for _ in sent], await host.cancel("a", 5)]

        assert calling(server, work) == [*sent, b"cancel a"]


def test_what_cannot_be_read_is_named_with_its_size() -> None:
    assert read("a", message("a").SerializeToString()).operation.id == "a"
    assert read("a", b"") == (b"", Operation.from_bytes(b""))
    with pytest.raises(UnreadableAnswer, match="a: the answer of 4 bytes cannot be read"):
        read("a", BROKEN)


def test_sixteen_megabytes_are_read_and_a_byte_more_is_not() -> None:
    def answer(call: Call) -> bytes:
        return b"\x12" * (MAX_ANSWER + (call.id == "more"))

    async def work(host: Host) -> tuple[int, CallFailed]:
        size, failed = len(await host.get("most", 10)), await failure_of(host.get("more", 10))
        assert host.health.current.last_status is None  # too long an answer is one
        return size, failed

    with ScriptedServer(answer) as server:
        size, failed = calling(server, work)
    assert size == MAX_ANSWER == 16 * 1024 * 1024
    assert failed.code == "RESOURCE_EXHAUSTED"
    assert failed.is_over_the_limit
