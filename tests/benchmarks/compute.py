"""What a user's cell computes in the main thread."""

from __future__ import annotations

import time


def pure_python(seconds: float) -> float:
    """Compute in bytecode alone, and return how many turns a second that came to."""
    start = time.perf_counter()
    turns = 0
    while (now := time.perf_counter()) < start + seconds:
        sum(number * number for number in range(1000))
        turns += 1
    return turns / (now - start)


def numpy(seconds: float) -> float:
    """Compute on arrays, on one core; returns turns a second."""
    import numpy as np

    matrix, vector = np.ones((200, 200)), np.linspace(0.0, 1.0, 50_000)
    start = time.perf_counter()
    turns = 0
    while (now := time.perf_counter()) < start + seconds:
        np.sort(np.sin(vector) * vector).sum()
        matrix @ matrix
        turns += 1
    return turns / (now - start)
