"""What loading the extension adds to the start of IPython, and how soon the first answer is there."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .processes import median
from .report import Bar, Row

_BARE = "pass"
_LOADED = "%load_ext ds_ops_magic"
_SDK = """
import os, time
start = time.perf_counter()
import yandexcloud
with open(os.environ["BENCHMARK_CA"], "rb") as ca:
    roots = ca.read()
sdk = yandexcloud.SDK(iam_token="t1.benchmark", endpoint=os.environ["BENCHMARK_ADDRESS"], root_certificates=roots)
"""
_THEIRS = f"""{_SDK}
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub
assert sdk.client(OperationServiceStub).Get(GetOperationRequest(operation_id="a")).id == "a"
print("TOOK", time.perf_counter() - start)
"""
_OURS = f"""{_SDK}
get_ipython().run_line_magic("load_ext", "ds_ops_magic")
get_ipython().run_line_magic("op", "connect sdk")
assert get_ipython().run_line_magic("op", "get a;").id == "a"
print("TOOK", time.perf_counter() - start)
"""


def run(quick: bool) -> list[Row]:
    """Start IPython again and again, one way after the other."""
    rounds = 2 if quick else 15
    walls: dict[str, list[float]] = {_BARE: [], _LOADED: []}
    firsts: dict[str, list[float]] = {_OURS: [], _THEIRS: []}
    with _cloud() as places:
        for code in (*walls, *firsts):
            _ipython(code, places)  # compiles what it imports, as installing a package does
        for _ in range(rounds):
            for code, found in walls.items():
                found.append(_ipython(code, places)[0])
            for code, found in firsts.items():
                found.append(float(_ipython(code, places)[1].rpartition("TOOK ")[2].split()[0]))
    bare, loaded = median(walls[_BARE]), median(walls[_LOADED])
    added = 1000 * median(more - less for less, more in zip(*walls.values(), strict=True))
    ours, theirs = median(firsts[_OURS]), median(firsts[_THEIRS])
    ratio = median(mine / other for mine, other in zip(*firsts.values(), strict=True))
    return [
        Row("%load_ext adds to the start", added, " ms", {"bare (s)": bare, "loaded (s)": loaded}, Bar(at_most=30)),
        Row(
            "first %op get / yandexcloud's first call",
            ratio,
            "",
            {"ours (s)": ours, "theirs (s)": theirs},
            Bar(at_most=1.2),
        ),
    ]


def _ipython(code: str, environment: dict[str, str]) -> tuple[float, str]:
    """Run code in a fresh IPython, with an empty profile; return the seconds it took, and what it printed."""
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", code]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    took = time.perf_counter() - start
    if done.returncode or "Traceback" in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)
    return took, done.stdout


@contextlib.contextmanager
def _cloud() -> Iterator[dict[str, str]]:
    """Run a stand-in for a cloud, with TLS and endpoint discovery, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        pipe, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(folder, theirs), daemon=True)
        process.start()
        address, ca = pipe.recv()
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"BENCHMARK_ADDRESS": address, "BENCHMARK_CA": ca, "IPYTHONDIR": folder}
        try:
            yield environment | {"PYTHONPYCACHEPREFIX": folder, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        finally:
            process.kill()
            process.join()


def _serve(folder: str, pipe: multiprocessing.connection.Connection) -> None:
    from tests.support.certificates import Authority
    from tests.support.scripted import ScriptedServer, message

    authority = Authority(Path(folder))
    with ScriptedServer(lambda call: message(call.id), credentials=authority.server("127.0.0.1")) as server:
        pipe.send((server.address, str(authority.ca)))
        pipe.recv()  # never: it is killed
