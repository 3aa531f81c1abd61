"""What the client gives, as type checkers see it."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import assert_type
from yandexcloud.operations import OperationError

from ds_ops_magic import (
    ALL,
    FIRST,
    FIRST_FAILURE,
    History,
    Job,
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
assert_type(client.wait(Job("bt1job")), Operation)
assert_type(client.wait_all([Job("bt1job"), "a"]), Operations[Operation])

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


class TuningTask:
    """Typed as the tasks and operations of AI Studio's SDK are."""

    @property
    def id(self):  # type: ignore[no-untyped-def]
        return "a"

    async def get_status(self, *, timeout: float = 60) -> bool:
        return False


def of_other_sdks(error: OperationError, task: TuningTask) -> None:
    assert_type(client.wait(task), Operation)
    assert_type(client.wait(error), Operation)


connect(api_key_env="YC_API_KEY")


def submitted(service: LocalService) -> Operations[Operation]:
    return client.wait_all([service.submit(print, "done"), service.simulate(1.0)])
