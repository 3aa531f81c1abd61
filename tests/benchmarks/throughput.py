"""Gets a second and CPU a Get without a rate limit: the poller beside bare grpc.aio with as many calls in flight."""

from __future__ import annotations

import asyncio
import itertools
import time

import grpc.aio
from yandex.cloud.operation.operation_pb2 import Operation
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.polling.poller import Poller
from ds_ops_magic.polling.schedule import Schedule

from .contenders import WITHOUT_END, Noticed
from .processes import Usage, alone, median
from .report import Bar, Row
from .server import FOR_EVER, Server, ids

_GET = "/yandex.cloud.operation.OperationService/Get"
_BAR = Bar(at_least=0.8)
_WARM = 0.3


def run(quick: bool) -> list[Row]:
    """Take turns, several times over, and compare the medians."""
    rows = []
    with Server() as server:
        for in_flight in (64,) if quick else (64, 128, 256):
            rates, costs = alone(_measure, server.address, in_flight, *((2, 0.5) if quick else (7, 2.0)))
            rows.append(
                Row(f"{in_flight} in flight: Gets/s, poller / raw", rates["poller"] / rates["raw"], "", rates, _BAR)
            )
            micro = {who: cost * 1e6 for who, cost in costs.items()}
            what = f"{in_flight} in flight: client CPU a Get (us), raw / poller"
            rows.append(Row(what, costs["raw"] / costs["poller"], "", micro, _BAR))
    return rows


def _measure(address: str, in_flight: int, rounds: int, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return Gets a second and CPU seconds a Get, by contender."""
    names = ids("throughput", [FOR_EVER] * 1000)
    ways = {"poller": _poller, "raw": _raw}
    found: dict[str, list[tuple[float, float]]] = {who: [] for who in ways}
    for _ in range(rounds):
        for who, way in ways.items():
            found[who].append(way(address, names, in_flight, seconds))
    rates = {who: median(rate for rate, _ in each) for who, each in found.items()}
    costs = {who: median(cost for _, cost in each) for who, each in found.items()}
    return rates, costs


class _Counted(EndpointConnection):
    """Counts the calls that are made over it."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.calls = 0

    def metadata(self) -> tuple[tuple[str, str], ...]:
        self.calls += 1
        return super().metadata()


def _poller(address: str, names: list[str], in_flight: int, seconds: float) -> tuple[float, float]:
    connection = _Counted(address)
    always_due = Schedule(fraction=0.0, shortest=0.0, longest=0.0)
    poller, listener = Poller(connection, always_due, WITHOUT_END, 2.0, in_flight=in_flight), Noticed()
    try:
        poller.start()
        poller.follow(names, listener)
        time.sleep(_WARM)
        usage, start, before = Usage(), time.perf_counter(), connection.calls
        time.sleep(seconds)
        made = connection.calls - before
        return made / (time.perf_counter() - start), usage.cpu / made
    finally:
        poller.close()


def _raw(address: str, names: list[str], in_flight: int, seconds: float) -> tuple[float, float]:
    made, over = 0, False

    async def main() -> tuple[float, float]:
        nonlocal made, over
        async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            get = channel.unary_unary(_GET, GetOperationRequest.SerializeToString, Operation.FromString)
            ask_about = itertools.cycle(names)

            async def ask() -> None:
                nonlocal made
                while not over:
                    await get(GetOperationRequest(operation_id=next(ask_about)), timeout=5.0)
                    made += 1

            tasks = [asyncio.ensure_future(ask()) for _ in range(in_flight)]
            await asyncio.sleep(_WARM)
            usage, start, before = Usage(), time.perf_counter(), made
            await asyncio.sleep(seconds)
            result = (made - before) / (time.perf_counter() - start), usage.cpu / (made - before)
            over = True
            await asyncio.gather(*tasks)
            return result

    return asyncio.run(main())
