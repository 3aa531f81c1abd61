"""Runs benchmarks, all when none is named: `python -m tests.benchmarks [NAME...] [--quick] [--json FILE]`."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from .report import Row, as_json, machine, table

NAMES = (
    "throughput",
    "busy",
    "calls",
    "scale",
    "waiters",
    "neighbour",
    "outage",
    "startup",
    "expected",
    "payloads",
    "logs",
)


def main(arguments: list[str] | None = None) -> int:
    """Run, print the table, and tell by the exit code whether every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: only to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file too")
    wanted = parser.parse_args(arguments)
    if unknown := set(wanted.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    results: dict[str, list[Row]] = {}
    for name in wanted.names or NAMES:
        print(f"{name}...", file=sys.stderr, flush=True)
        results[name] = importlib.import_module(f".{name}", __package__).run(wanted.quick)
    about = machine()
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()))
    print(f"{about['system']}, {about['cpus']} CPUs, {about['cpu']}\n")
    print(table(results))
    if wanted.json:
        wanted.json.write_text(as_json(results))
    return int(any(row.met is False for rows in results.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
