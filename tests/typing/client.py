"""What the client gives, as type checkers see it."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import assert_type

from ds_ops_magic import (
    ALL,
    FIRST,
    FIRST_FAILURE,
    History,
    LogLine,
    Operation,
    OperationClient,
    Operations,
    Schedule,
    Update,
    Watch,
    connect,
)
from ds_ops_magic.local import LocalService

client: OperationClient = connect("local", rate=10)
with client as entered:
    assert_type(entered, OperationClient)
client.history = History("operations.sqlite")

assert_type(client.get("a"), Operation)
assert_type(client.get_all(["a"]), Operations[Operation])
assert_type(client.cancel("a"), Operation)
assert_type(client.wait("a", 5), Operation)

assert_type(client.wait_all(["a", "b"]), Operations[Operation])
assert_type(client.wait_all(["a", "b"], 5), Operations[Operation])
assert_type(client.wait_all(["a", "b"], return_when=ALL), Operations[Operation])
assert_type(client.wait_all(["a", "b"], 5, FIRST_FAILURE), Operations[Operation])
assert_type(client.wait_all(["a", "b"], return_when=FIRST), Operations[Operation | None])
assert_type(client.wait_all(["a", "b"], timeout=5, return_when=FIRST), Operations[Operation | None])
assert_type(client.wait_all(["a", "b"], 5, FIRST), Operations[Operation | None])

watch = client.watch("a", ["b", client.get("c")])
assert_type(watch, Watch)
assert_type(watch.wait(), Operations[Operation | None])
for change in watch:
    assert_type(change, Update)

for line in client.logs("a", follow=False, tail=20, sources=None):
    assert_type(line, LogLine)
    assert_type((line.source, line.text, line.created_at), tuple[str, str, datetime | None])

Schedule(longest="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
client.wait_all(["a"], 5, "FIRST")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
client.wait(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def in_a_loop() -> None:
    assert_type(await client.wait_async("a"), Operation)
    assert_type(await client.wait_all_async(["a", "b"]), Operations[Operation])
    assert_type(await client.wait_all_async(["a", "b"], return_when=FIRST_FAILURE), Operations[Operation])
    assert_type(await client.wait_all_async(["a", "b"], return_when=FIRST), Operations[Operation | None])
    assert_type(await client.wait_all_async(["a", "b"], 5, FIRST), Operations[Operation | None])
    assert_type(await watch, Operations[Operation | None])
    async for change in watch:
        assert_type(change, Update)
    async for line in client.logs_async("a"):
        assert_type(line, LogLine)


def submitted(service: LocalService) -> Operations[Operation]:
    return client.wait_all([service.submit(print, "done"), service.simulate(1.0)])
