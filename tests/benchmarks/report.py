"""What a benchmark found: rows of figures measured side by side, the bars on them, and a table of both."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import ds_ops_magic

_PACKAGES = ("grpcio", "protobuf", "yandexcloud", "google-api-core", "ipython")


@dataclass(frozen=True)
class Bar:
    """What a value is to reach: at least so much, or at most."""

    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"

    def is_met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        value: The figure that counts, mostly a ratio.
        unit: Of that figure; empty for a ratio.
        measured: What it was made of, by contender, measured in the same run.
        bar: What the value is to reach, where there is a bar on it.
    """

    what: str
    value: float
    unit: str = ""
    measured: dict[str, float] = field(default_factory=dict)
    bar: Bar | None = None

    @property
    def met(self) -> bool | None:
        return self.bar.is_met(self.value) if self.bar else None


def machine() -> dict[str, Any]:
    """Name the versions and the machine, without anything that tells whose it is."""
    versions = {"python": platform.python_version(), "ds_ops_magic": ds_ops_magic.__version__}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"versions": versions, "system": platform.system(), "cpus": os.cpu_count(), "cpu": _cpu_model()}


def table(results: dict[str, list[Row]]) -> str:
    """Lay the rows out as a table in Markdown."""
    lines = [("benchmark", "what", "measured", "value", "bar", "met")]
    for name, rows in results.items():
        for row in rows:
            measured = ", ".join(f"{who} {_number(value)}" for who, value in row.measured.items())
            met = {None: "", True: "yes", False: "NO"}[row.met]
            lines.append((name, row.what, measured, f"{_number(row.value)}{row.unit}", str(row.bar or ""), met))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = tuple("-" * width for width in widths)
    laid_out = [lines[0], rule, *lines[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in laid_out
    )


def as_json(results: dict[str, list[Row]]) -> str:
    """Give all figures to a program."""
    rows = [
        {
            "benchmark": name,
            "what": row.what,
            "value": row.value,
            "unit": row.unit.strip(),
            "measured": row.measured,
            "bar": str(row.bar) if row.bar else None,
            "met": row.met,
        }
        for name, found in results.items()
        for row in found
    ]
    return json.dumps({**machine(), "results": rows}, indent=2)


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
