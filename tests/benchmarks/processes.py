"""Measuring in a process of its own, so that nobody's threads, memory or CPU time are counted as another's."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def alone(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a fresh Python process, and return what it returns."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args, **kwargs).result()


class Usage:
    """What this process has used since the object was made."""

    def __init__(self) -> None:
        gc.collect()
        self._memory, self._threads, self._cpu, self._wall = _resident(), _threads(), time.process_time(), time.time()

    @property
    def memory(self) -> float:
        """Bytes of resident memory."""
        return _resident() - self._memory

    @property
    def threads(self) -> int:
        """Threads of the process, whoever started them."""
        return _threads() - self._threads

    @property
    def cpu(self) -> float:
        """Seconds of CPU, of all threads."""
        return time.process_time() - self._cpu

    @property
    def share(self) -> float:
        """Share of one core."""
        return self.cpu / (time.time() - self._wall)


def poller_threads() -> int:
    """Count the Python threads that are the package's own."""
    return sum(thread.name.startswith("ds_ops_magic") for thread in threading.enumerate())


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))
