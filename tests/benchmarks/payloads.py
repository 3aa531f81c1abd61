"""What it costs to decode a payload whose type nobody has named: the first time, and ever after."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import ds_ops_magic

from .report import Bar, Row

_TYPES = """
import importlib, json, pkgutil, yandex.cloud
names = [found.name for found in pkgutil.walk_packages(yandex.cloud.__path__, "yandex.cloud.")]
stubs = [importlib.import_module(name) for name in names if name.endswith("_pb2")]
types = {kind.full_name: stub.__name__ for stub in stubs for kind in stub.DESCRIPTOR.message_types_by_name.values()}
print(json.dumps({name: stub for name, stub in types.items() if name.endswith("Metadata")}))
"""
# Both start with what any operation has loaded already.
_START = """
import sys, time, timeit
from google.protobuf.any_pb2 import Any
from ds_ops_magic import Operation
from ds_ops_magic.model.payload import decode
payload = Any(type_url="type.googleapis.com/" + sys.argv[1])
start = time.perf_counter()
"""
_BY_HAND = "__import__(sys.argv[2]); print(time.perf_counter() - start)"
_DECODED = """
found = decode(payload)
print(time.perf_counter() - start)
assert (found.DESCRIPTOR.full_name, type(found).__module__) == tuple(sys.argv[1:]), found
"""
_AGAIN = "decode(payload); print(min(timeit.repeat(lambda: decode(payload), number=2000, repeat=5)) / 2000)"
# Beside a sample of the metadata: error details, and types whose package is not their folder.
_ALWAYS = {
    "google.rpc.BadRequest": "google.rpc.error_details_pb2",
    "yandex.cloud.clouddesktop.v1.api.CreateDesktopMetadata": "yandex.cloud.clouddesktop.v1.desktop_service_pb2",
    "speechkit.stt.v3.StreamingResponse": "yandex.cloud.ai.stt.v3.stt_pb2",
}


def run(quick: bool) -> list[Row]:
    """Decode types in fresh interpreters, and import their modules by hand in others, one way after the other."""
    every = json.loads(_python(_TYPES))
    sample = {name: every[name] for name in sorted(every)[:: len(every) // (2 if quick else 20)]} | _ALWAYS
    rounds = 1 if quick else 7
    ratios: dict[str, float] = {}
    measured: dict[str, dict[str, float]] = {}
    for name, module in sample.items():
        hand, ours = [], []
        for _ in range(rounds):
            hand.append(float(_python(_START + _BY_HAND, name, module)))
            ours.append(float(_python(_START + _DECODED, name, module)))
        # The least of each: what disturbs a measurement only adds to it.
        measured[name] = {"by hand (ms)": 1000 * min(hand), "decoded (ms)": 1000 * min(ours)}
        ratios[name] = min(ours) / min(hand)
    worst = max(ratios, key=lambda name: ratios[name])
    middle = sorted(ratios, key=lambda name: ratios[name])[len(ratios) // 2]
    again = {name: 1e6 * float(_python(_START + _AGAIN, name)) for name in list(sample)[:: 1 if quick else 4]}
    slowest = max(again, key=lambda name: again[name])
    return [
        Row(f"first decode / import by hand, median of {len(ratios)}", ratios[middle], "", measured[middle]),
        Row(f"first decode / import by hand, worst: {worst}", ratios[worst], "", measured[worst], Bar(at_most=1.5)),
        Row(f"every later decode, worst: {slowest}", again[slowest], " us", {}, Bar(at_most=30)),
    ]


def _python(code: str, *arguments: str) -> str:
    home = Path(ds_ops_magic.__file__).parents[1]
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=120, check=True).stdout
