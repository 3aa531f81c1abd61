"""Lines of a log a CPU second: client.logs() beside a loop over the raw stream that decodes and splits the same."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from typing import Any

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import (
    ExecuteProjectJobMetadata,
    ReadProjectJobLogsRequest,
    ReadProjectJobLogsResponse,
)
from yandex.cloud.operation.operation_pb2 import Operation
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.connection import EndpointConnection

from .processes import Usage, alone, median
from .report import Bar, Row

_JOBS = "yandex.cloud.datasphere.v2.jobs.ProjectJobService"
_LINE = b"epoch %05d of 90000: loss 0.4321, accuracy 0.8765, learning rate 0.00010, 12.3 s\n"
_BAR = Bar(at_least=0.6)
_SPAWN = multiprocessing.get_context("spawn")


def run(quick: bool) -> list[Row]:
    """Take turns over logs of as many bytes, in messages of 1, 100 and 1,000 lines, and compare the medians."""
    rows = []
    pipe, theirs = _SPAWN.Pipe()
    server = _SPAWN.Process(target=_main, args=(theirs,), daemon=True)
    server.start()
    try:
        address = f"127.0.0.1:{pipe.recv()}"
        for lines, messages in ((1, 20_000), (100, 5_000), (1_000, 2_000)):
            rates = alone(_measure, address, lines, messages // (10 if quick else 1), 2 if quick else 7)
            what = f"{lines:,} lines a message: lines a CPU second, logs() / raw"
            rows.append(Row(what, rates["logs()"] / rates["raw"], "", rates, None if quick else _BAR))
    finally:
        server.kill()
        server.join()
    return rows


def _measure(address: str, lines: int, messages: int, rounds: int) -> dict[str, float]:
    name = f"{lines}-{messages}"
    found: dict[str, list[float]] = {"raw": [], "logs()": []}
    with OperationClient(EndpointConnection(address)) as client, grpc.insecure_channel(address) as channel:
        ways = {"raw": lambda: _raw(channel, name), "logs()": lambda: _logs(client, name)}
        for number in range(rounds + 1):
            for who, way in ways.items():
                usage = Usage()
                came = way()
                if came != lines * messages:
                    raise RuntimeError(f"{who} read {came:,} lines of {lines * messages:,}")
                if number:  # the first round imports, and connects
                    found[who].append(came / usage.cpu)
    return {who: median(rates) for who, rates in found.items()}


def _raw(channel: grpc.Channel, name: str) -> int:
    read = channel.unary_stream(
        f"/{_JOBS}/ReadLogs", ReadProjectJobLogsRequest.SerializeToString, ReadProjectJobLogsResponse.FromString
    )
    came, rests = 0, {}
    for answer in read(ReadProjectJobLogsRequest(job_id=name)):
        for message in answer.logs:
            source = message.file_path or message.standard_stream
            complete, _, rests[source] = (rests.get(source, b"") + message.content).rpartition(b"\n")
            for _line in complete.decode("utf-8", "backslashreplace").split("\n"):
                came += 1
    return came


def _logs(client: OperationClient, name: str) -> int:
    came = 0
    for _line in client.logs(name):
        came += 1
    return came


def _answer(lines: int, offset: int) -> bytes:
    answer = ReadProjectJobLogsResponse(offset=offset)
    message: Any = answer.logs.add(standard_stream=1, content=b"".join(_LINE % number for number in range(lines)))
    message.created_at.FromSeconds(int(time.time()))
    return answer.SerializeToString()


async def _read_logs(request: bytes, _: Any) -> AsyncIterator[bytes]:
    asked = ReadProjectJobLogsRequest.FromString(request)
    lines, messages = map(int, asked.job_id.split("-"))
    if asked.offset < messages:
        first, last = _answer(lines, 1), _answer(lines, messages)
        for number in range(messages):
            yield last if number == messages - 1 else first


async def _get(request: bytes, _: Any) -> bytes:
    operation = Operation(id=GetOperationRequest.FromString(request).operation_id, done=True)
    metadata = ExecuteProjectJobMetadata()
    metadata.job.id = operation.id
    operation.metadata.Pack(metadata)
    operation.response.Pack(Empty())
    return operation.SerializeToString()


def _main(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    services = {
        _JOBS: {"ReadLogs": grpc.unary_stream_rpc_method_handler(_read_logs)},
        "yandex.cloud.operation.OperationService": {"Get": grpc.unary_unary_rpc_method_handler(_get)},
    }
    for name, handlers in services.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await server.wait_for_termination()
