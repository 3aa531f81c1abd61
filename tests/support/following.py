"""What the tests of the client share: clients that ask quickly, waiting for a condition, processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.polling.schedule import Schedule
from tests.support import REPOSITORY
from tests.support.scripted import ScriptedServer

QUICK = Schedule(shortest=0.01, longest=0.02)
DEADLINE = 10.0
BUSY = 1.5
T = TypeVar("T")


def client_of(service: ScriptedServer | str, *, schedule: Schedule = QUICK, **options: Any) -> OperationClient:
    """Make a client of a scripted server, or of an address; options of the connection and of the client."""
    how = {name: options.pop(name) for name in ("token_env", "api_key_env", "ca") if name in options}
    address = service if isinstance(service, str) else service.address
    return OperationClient(EndpointConnection(address, **how), schedule=schedule, **options)


def until(condition: Callable[[], T], timeout: float = DEADLINE) -> T:
    """Return what the condition gives as soon as it is true; fail at the deadline."""
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        pause.wait(0.005)
    return found


@contextmanager
def lasting(least: float, most: float) -> Iterator[None]:
    """Fail unless the body takes so many seconds; a machine that is busy with other tests may take longer."""
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    assert least <= took <= most + BUSY, f"it took {took:.2f} s"


def poller_threads(besides: Collection[threading.Thread] = ()) -> list[str]:
    """Name the threads that a client needs, the poller's and gRPC's poller, but for those that were there before."""
    names = [thread.name for thread in threading.enumerate() if thread not in besides]
    return [name for name in names if "ds_ops_magic poller" in name or "_poll_wrapper" in name or "asyncio" in name]


def connections_to(server: ScriptedServer) -> int:
    """Count the established connections to a server's port, whoever holds them."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/self/net/{name}").read_text().splitlines()
    ]
    return sum(fields[2].endswith(f":{server.port:04X}") and fields[3] == "01" for fields in lines)


@contextmanager
def python(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run Python code in a process of its own, killed at the end."""
    places = [str(REPOSITORY), *filter(None, sys.path)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # CPython itself warns, since 3.12, of every fork of a process with threads.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONWARNINGS": "ignore:This process"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
