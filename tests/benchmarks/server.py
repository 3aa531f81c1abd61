"""An OperationService in a process of its own, whose operations say in their ids when they begin and end.

It keeps nothing: ``name-begin-end``, in milliseconds of the Unix clock, is all that an answer is made of. It answers
google.longrunning's GetOperation likewise, so that google-api-core's future meets the same operations.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Any

import grpc
import grpc.aio
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from yandex.cloud.operation.operation_pb2 import Operation

FOR_EVER = 10**9
"""Seconds that nothing here outlives."""
_SPAWN = multiprocessing.get_context("spawn")
_SLOT = 0.01


def ids(name: str, durations: Iterable[float], begun: float | None = None) -> list[str]:
    """Name operations that begin at a time of the Unix clock (else now) and take so many seconds each."""
    begin = time.time() if begun is None else begun
    return [f"{name}{number}-{begin * 1000:.0f}-{(begin + took) * 1000:.0f}" for number, took in enumerate(durations)]


def ended_at(operation_id: str) -> float:
    """Tell when an operation ends, on the Unix clock."""
    return int(operation_id.split("-")[2]) / 1000


class Server:
    """The service, from entering to leaving.

    Args:
        port: Where to listen on loopback, 0 for any free port.
    """

    def __init__(self, port: int = 0) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_main, args=(port, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.port, self.listening_since = self._pipe.recv()
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as an outage does: at once."""
        self._process.kill()
        self._process.join()

    def calls(self, name: str) -> list[float]:
        """Tell how many calls about operations of a name have come, and when the first did; clears the count.

        Returns:
            Seconds on the Unix clock at which they came, to a hundredth of a second but for the first.
        """
        self._pipe.send(name)
        return list(self._pipe.recv())

    def count(self, name: str) -> int:
        """Tell how many calls about operations of a name have come; clears the count."""
        return len(self.calls(name))


class _Service:
    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.came: dict[str, Counter[int]] = {}
        self._running: dict[bytes, bytes] = {}

    async def get(self, request: bytes, _: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        return self._answer(request, Operation)

    async def get_operation(self, request: bytes, _: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        return self._answer(request, operations_pb2.Operation)

    def taken(self, name: str) -> list[float]:
        first = self.first.pop(name, None)
        slots = self.came.pop(name, Counter())
        times = sorted(slot * _SLOT for slot in slots.elements())
        return [] if first is None else [first, *times[1:]]

    def _answer(self, request: bytes, kind: type[Any]) -> bytes:
        now = time.time()
        name, begin, end = request[2:].decode().split("-")  # one string is all there is in it: a tag, a length, the id
        group = name.rstrip("0123456789")
        self.first.setdefault(group, now)
        self.came.setdefault(group, Counter())[int(now / _SLOT)] += 1
        done = now >= int(end) / 1000
        answer = None if done else self._running.get(request)
        if answer is None:
            made = kind(done=done)
            if kind is Operation:
                made.id, made.description = f"{name}-{begin}-{end}", "Benchmark"
                made.created_at.FromMilliseconds(int(begin))
                made.modified_at.FromMilliseconds(int(end if done else begin))
            if done:
                made.response.Pack(Empty())
            answer = made.SerializeToString()
            if not done:
                self._running[request] = answer
        return answer


def _main(port: int, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, asyncio.CancelledError):
        asyncio.run(_serve(port, pipe))


async def _serve(port: int, pipe: Connection) -> None:
    service = _Service()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    for name, method, answer in (
        ("yandex.cloud.operation.OperationService", "Get", service.get),
        ("google.longrunning.Operations", "GetOperation", service.get_operation),
    ):
        handlers = {method: grpc.unary_unary_rpc_method_handler(answer)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    pipe.send((port, time.time()))
    asyncio.get_running_loop().add_reader(pipe.fileno(), lambda: pipe.send(service.taken(pipe.recv())))
    await server.wait_for_termination()
